import { Cause, Effect, HashMap, Inspectable, Layer, Logger, type Scope } from "effect"

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

// Whatever comes from outside may hold terminal control sequences; on a
// terminal or in a log they could forge lines, move the cursor, or turn the
// direction of what is shown. Written as an escape they are harmless, and JSON
// that is written so is still the same JSON.
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

const escapeOf = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`

/** Text with every control character but tab and line feed written as its escape. */
export const printable = (text: string): string => text.replace(control, escapeOf)

/** Like {@link printable}, on one line: a line feed becomes `\n`. */
export const printableLine = (text: string): string => printable(text).replaceAll("\n", "\\n")

/** A value as JSON on one line that is harmless on a terminal. */
export const printableJson = (value: unknown): string => printable(JSON.stringify(value))

const levelColour: { readonly [level: string]: string | undefined } = {
  WARN: "33",
  ERROR: "31",
  FATAL: "31;1",
  DEBUG: "90",
  TRACE: "90"
}

const wordOf = (value: unknown): string => printableLine(Inspectable.toStringUnknown(value, 0))

const valueOf = (value: unknown): string => {
  const word = wordOf(value)
  return /[\s"=]/.test(word) ? `"${word.replaceAll("\"", "\\\"")}"` : word
}

// Lines below the first are set in, so that none can be taken for an entry of its own.
const below = (text: string): string => `\n${printable(text)}`.replaceAll("\n", "\n    ")

const prettyLine = (colour: boolean): Logger.Logger<unknown, string> =>
  Logger.make(({ annotations, cause, date, logLevel, message }) => {
    const paint = (code: string, text: string) => colour ? `\u001b[${code}m${text}\u001b[0m` : text
    const parts = (Array.isArray(message) ? message : [message]).map(wordOf)
    const extra = HashMap.toEntries(annotations).map(([key, value]) => paint("90", `${key}=${valueOf(value)}`))
    const code = levelColour[logLevel.label]
    const label = logLevel.label === "INFO"
      ? ""
      : `${code === undefined ? logLevel.label : paint(code, logLevel.label)} `
    return `${date.toISOString().slice(11, 19)} ${label}${[...parts, ...extra].join(" ")}` +
      (Cause.isEmptyType(cause) ? "" : below(Cause.pretty(cause, { renderErrorCause: true })))
  })

/** Writes log entries as text; in none of the forms does a control character from outside stay one. */
export const logLines = (format: LogFormat, colour: boolean): Logger.Logger<unknown, string> =>
  format === "pretty"
    ? prettyLine(colour)
    : Logger.map(format === "json" ? Logger.jsonLogger : Logger.logfmtLogger, printableLine)

/** Sends log lines to standard error in the given form, above the status line. */
export const loggerLayer = (format: LogFormat | undefined): Layer.Layer<never, never, Terminal> =>
  Layer.unwrapEffect(Effect.map(Terminal, (terminal) => {
    const chosen = format ?? (terminal.interactive ? "pretty" : "logfmt")
    return Logger.replace(Logger.defaultLogger, Logger.map(logLines(chosen, terminal.colour), terminal.writeLine))
  }))

/** Takes the status line away when the scope closes, so that the shell's prompt starts on a clean line. */
export const statusLineScope: Effect.Effect<void, never, Terminal | Scope.Scope> = Effect.flatMap(
  Terminal,
  (terminal) => Effect.addFinalizer(() => terminal.showStatus(""))
)
