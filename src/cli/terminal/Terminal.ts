import { Cause, Effect, HashMap, Inspectable, Layer, Logger, type Scope } from "effect"
import { printable, printableLine } from "../../domain/Printable.js"
import type { BlockLine } from "../../telemetry/StatusBlock.js"
import { type BlockStream, LiveBlock } from "./LiveBlock.js"

/** How log lines are written to standard error. */
export type LogFormat = "pretty" | "logfmt" | "json"

/** A stream that may be a terminal, as `process.stderr` is. */
export interface TerminalStream extends BlockStream {
  readonly isTTY?: boolean | undefined
}

/** A terminal on a stream, as the variables of the environment (`TERM`, `NO_COLOR`) want it. */
export const makeTerminal = (
  stream: TerminalStream,
  environment: { readonly [name: string]: string | undefined }
) => {
  const interactive = stream.isTTY === true && environment["TERM"] !== "dumb"
  const colour = interactive && (environment["NO_COLOR"] ?? "") === ""
  const block = new LiveBlock(stream, colour)
  const showBlock = (lines: ReadonlyArray<BlockLine>): Effect.Effect<void> =>
    Effect.sync(() => {
      if (interactive) block.show(lines)
    })
  return {
    /** Whether a person looks at the stream. */
    interactive,
    colour,
    /** Columns and rows now; 80 and 24 where there is no terminal. */
    size: Effect.sync(() => block.size),
    /** Writes a line that stays. */
    writeLine: (line: string): void => block.writeAbove(line),
    /** Draws the live lines anew; without a line they are taken away. */
    showBlock,
    /** Draws one live line anew; the empty text takes it away. */
    showStatus: (line: string): Effect.Effect<void> => showBlock(line === "" ? [] : [[{ text: line, tone: "plain" }]])
  }
}

/**
 * Standard error as a terminal shows it: log lines scroll above a few live
 * lines, which are redrawn in place. Where standard error is no terminal, or
 * cannot move its cursor, these are never drawn.
 */
export class Terminal extends Effect.Service<Terminal>()("metrics-collector/cli/Terminal", {
  sync: () => makeTerminal(process.stderr, process.env)
}) {}

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

/** Sends log lines to standard error in the given form, above the live lines. */
export const loggerLayer = (format: LogFormat | undefined): Layer.Layer<never, never, Terminal> =>
  Layer.unwrapEffect(Effect.map(Terminal, (terminal) => {
    const chosen = format ?? (terminal.interactive ? "pretty" : "logfmt")
    return Logger.replace(Logger.defaultLogger, Logger.map(logLines(chosen, terminal.colour), terminal.writeLine))
  }))

/** Takes the live lines away when the scope closes, so that the shell's prompt starts on a clean line. */
export const liveScope: Effect.Effect<void, never, Terminal | Scope.Scope> = Effect.flatMap(
  Terminal,
  (terminal) => Effect.addFinalizer(() => terminal.showBlock([]))
)
