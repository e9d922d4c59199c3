import { Effect, Mailbox, type Scope } from "effect"
import { cutToWidth, padToWidth } from "../../domain/DisplayWidth.js"
import { printableLine } from "../../domain/Printable.js"

/** A terminal of which a command has the whole screen. */
export interface Screen {
  /** Columns and rows now. */
  readonly size: Effect.Effect<{ readonly width: number; readonly height: number }>
  readonly colour: boolean
  /** Draws lines from the top; what does not fit is cut. `head` tells lines that stand out. */
  readonly draw: (lines: ReadonlyArray<ScreenLine>) => Effect.Effect<void>
  /** Keys as they are pressed; `ctrl-c` is one of them. */
  readonly keys: Mailbox.ReadonlyMailbox<string>
}

/** A line of a screen. */
export interface ScreenLine {
  readonly text: string
  readonly head?: boolean
}

const enter = "\u001b[?1049h\u001b[?25l"
const leave = "\u001b[?25h\u001b[?1049l"

/** Whether standard output is a terminal that can be drawn on. */
export const hasScreen = (): boolean => process.stdout.isTTY === true && process.env["TERM"] !== "dumb"

const keyOf = (text: string): string => text === "\u0003" ? "ctrl-c" : text

/** Takes the screen until the scope closes; then the terminal is as before. */
export const takeScreen: Effect.Effect<Screen, never, Scope.Scope> = Effect.gen(function*() {
  const { stdin, stdout } = process
  const keys = yield* Mailbox.make<string>({ capacity: 64, strategy: "dropping" })
  const onData = (data: string): void => {
    keys.unsafeOffer(keyOf(data))
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      stdout.write(enter)
      if (stdin.isTTY !== true) return
      stdin.setRawMode(true)
      stdin.setEncoding("utf8").on("data", onData).resume()
    }),
    () =>
      Effect.sync(() => {
        if (stdin.isTTY === true) {
          stdin.off("data", onData).pause()
          stdin.setRawMode(false)
        }
        stdout.write(leave)
      })
  )
  const colour = (process.env["NO_COLOR"] ?? "") === ""
  const size = Effect.sync(() => ({ width: stdout.columns || 80, height: stdout.rows || 24 }))
  return {
    size,
    colour,
    draw: (lines) =>
      Effect.map(size, ({ height, width }) => {
        const shown = lines.slice(0, height).map(({ head, text }) => {
          const cut = cutToWidth(printableLine(text), width)
          return `${head === true && colour ? `\u001b[7m${padToWidth(cut, width)}\u001b[0m` : cut}\u001b[K`
        })
        stdout.write(`\u001b[H${shown.join("\r\n")}\u001b[J`)
      }),
    keys
  }
})
