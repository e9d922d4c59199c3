import { Effect, HashMap, Layer, Logger, type Scope } from "effect"

/** How log lines are written to standard error. */
export type LogFormat = "pretty" | "logfmt" | "json"

/**
 * Standard error as a terminal shows it: log lines scroll above one status
 * line, which is redrawn in place. Where standard error is no terminal, the
 * status line is never drawn.
 */
export class Terminal extends Effect.Service<Terminal>()("metrics-collector/cli/Terminal", {
  sync: () => {
    const stream = process.stderr
    let status = ""

    const clear = (): void => {
      if (status !== "") stream.write("\r\u001b[2K")
    }

    return {
      /** Whether a person looks at standard error. */
      interactive: stream.isTTY === true && process.env["TERM"] !== "dumb",
      colour: stream.isTTY === true && (process.env["NO_COLOR"] ?? "") === "",
      /** Columns of the terminal; 80 where there is none. */
      width: Effect.sync(() => stream.columns > 0 ? stream.columns : 80),
      /** Writes a line that stays. */
      writeLine: (line: string): void => {
        clear()
        stream.write(`${line}\n${status}`)
      },
      /** Draws the status line anew; the empty text takes it away. */
      showStatus: (line: string): Effect.Effect<void> =>
        Effect.sync(() => {
          clear()
          status = line
          stream.write(line)
        })
    }
  }
}) {}

// Whatever comes from outside may hold terminal control sequences; in a log
// they could forge lines or move the cursor.
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/** Text with every control character but tab and line feed written as its escape. */
export const printable = (text: string): string =>
  text.replace(control, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)

const levelColour: { readonly [level: string]: string | undefined } = {
  WARN: "33",
  ERROR: "31",
  FATAL: "31;1",
  DEBUG: "90",
  TRACE: "90"
}

const prettyLine = (colour: boolean): Logger.Logger<unknown, string> =>
  Logger.make(({ annotations, date, logLevel, message }) => {
    const paint = (code: string, text: string) => colour ? `\u001b[${code}m${text}\u001b[0m` : text
    const parts = (Array.isArray(message) ? message : [message]).map((part) =>
      typeof part === "string" ? part : JSON.stringify(part)
    )
    const extra = HashMap.toEntries(annotations).map(([key, value]) =>
      paint("90", `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    )
    const code = levelColour[logLevel.label]
    const label = logLevel.label === "INFO"
      ? ""
      : `${code === undefined ? logLevel.label : paint(code, logLevel.label)} `
    return printable(`${date.toISOString().slice(11, 19)} `) + label + [...parts.map(printable), ...extra].join(" ")
  })

/** Sends log lines to standard error in the given form, above the status line. */
export const loggerLayer = (format: LogFormat | undefined): Layer.Layer<never, never, Terminal> =>
  Layer.unwrapEffect(Effect.map(Terminal, (terminal) => {
    const chosen = format ?? (terminal.interactive ? "pretty" : "logfmt")
    const lines = chosen === "json"
      ? Logger.jsonLogger
      : chosen === "logfmt"
      ? Logger.logfmtLogger
      : prettyLine(terminal.colour)
    return Logger.replace(Logger.defaultLogger, Logger.map(lines, terminal.writeLine))
  }))

/** Takes the status line away when the scope closes, so that the shell's prompt starts on a clean line. */
export const statusLineScope: Effect.Effect<void, never, Terminal | Scope.Scope> = Effect.flatMap(
  Terminal,
  (terminal) => Effect.addFinalizer(() => terminal.showStatus(""))
)
