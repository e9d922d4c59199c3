import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Logger } from "effect"
import { liveScope, type LogFormat, logLines, makeTerminal, Terminal } from "../../../src/cli/terminal/Terminal.js"
import type { BlockLine } from "../../../src/telemetry/StatusBlock.js"

// Control characters of both sets, and those that turn the direction of text.
const harmful = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

const forged = "cpu\n12:00:00 ERROR the disk is gone\r\u001b[2J\u009b31m\u202e"

const logged = (format: LogFormat, entry: Effect.Effect<void>): Effect.Effect<string> =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const logger = Logger.map(logLines(format, false), (line) => void lines.push(line))
    yield* Effect.provide(entry, Logger.replace(Logger.defaultLogger, logger))
    return lines.join("\n")
  })

for (const format of ["pretty", "logfmt", "json"] as const) {
  describe(`a log line as ${format}`, () => {
    it.effect("is one line, whatever a name in its message or annotations holds", () =>
      Effect.gen(function*() {
        const line = yield* logged(
          format,
          Effect.logWarning(`the metric ${forged} was refused`).pipe(
            Effect.annotateLogs({ name: forged, tail: "a b=c" })
          )
        )
        expect(line).not.toMatch(harmful)
        expect(line.split("\n")).toHaveLength(1)
        expect(line).toMatch(/\\n12:00:00/)
      }))

    it.effect("shows why it failed, and no line of that can be taken for another entry", () =>
      Effect.gen(function*() {
        const line = yield* logged(format, Effect.logError("A request failed", Cause.die(new Error(forged))))
        expect(line).toMatch(/A request failed/)
        expect(line).toMatch(/the disk is gone/)
        expect(line).not.toMatch(harmful)
        for (const more of line.split("\n").slice(1)) expect(more).toMatch(/^ {4}/)
      }))
  })
}

/** A stream as a terminal is one, and the screen of a simple terminal that reads what was written to it. */
const fakeTerminal = (columns: number, rows: number, isTTY = true) => {
  let written = ""
  const stream = {
    isTTY,
    columns,
    rows,
    write: (text: string) => {
      written += text
    }
  }
  const take = (): string => {
    const text = written
    written = ""
    return text
  }
  const lines = [""]
  let row = 0
  let column = 0
  const put = (char: string): void => {
    if (column === stream.columns) {
      row++
      column = 0
    }
    const line = (lines[row] ?? "").padEnd(column)
    lines[row] = line.slice(0, column) + char + line.slice(column + 1)
    column++
  }
  /** What the terminal shows after all that was written until now: it wraps, moves up, erases, and nothing else. */
  const screen = (): ReadonlyArray<string> => {
    for (const [sign, up] of take().matchAll(/\u001b\[(\d+)A|\u001b\[J|[^]/g)) {
      if (up !== undefined) row = Math.max(0, row - Number(up))
      else if (sign === "\u001b[J") {
        lines[row] = (lines[row] ?? "").slice(0, column)
        lines.length = row + 1
      } else if (sign === "\r") column = 0
      else if (sign === "\n") {
        row++
        column = 0
      } else put(sign)
      while (lines.length <= row) lines.push("")
    }
    return lines.map((line) => line.trimEnd())
  }
  /** The window gets fewer columns, and what is shown wraps anew, as in most terminals. */
  const becomeNarrower = (to: number): void => {
    const before = screen()
    const wrap = (line: string): ReadonlyArray<string> => line.match(new RegExp(`.{1,${to}}`, "g")) ?? [""]
    row = before.slice(0, row).flatMap(wrap).length
    lines.splice(0, lines.length, ...before.flatMap(wrap))
    stream.columns = to
  }
  return { stream, take, screen, becomeNarrower }
}

const block = (...lines: ReadonlyArray<string>): ReadonlyArray<BlockLine> =>
  lines.map((text) => [{ text, tone: "plain" }])

describe("live lines on a terminal", () => {
  it.effect("are drawn in place, below the log lines, and are gone at the end", () =>
    Effect.gen(function*() {
      const { screen, stream } = fakeTerminal(20, 10)
      const terminal = makeTerminal(stream, {})
      terminal.writeLine("first")
      yield* terminal.showBlock(block("one", "two", "three"))
      expect(screen()).toEqual(["first", "one", "two", "three"])
      terminal.writeLine("second")
      expect(screen()).toEqual(["first", "second", "one", "two", "three"])
      yield* terminal.showBlock(block("four", "five"))
      expect(screen()).toEqual(["first", "second", "four", "five"])
      yield* terminal.showBlock(block("six", "", "seven", "eight"))
      terminal.writeLine("a line that is longer than the terminal")
      expect(screen().slice(2)).toEqual(["a line that is longe", "r than the terminal", "six", "", "seven", "eight"])
      yield* terminal.showStatus("a single one")
      yield* terminal.showStatus("")
      expect(screen().slice(2)).toEqual(["a line that is longe", "r than the terminal", ""])
    }))

  it.effect("are taken away when their scope closes", () =>
    Effect.gen(function*() {
      const { screen, stream } = fakeTerminal(20, 10)
      const terminal = makeTerminal(stream, {})
      yield* Effect.zipRight(liveScope, terminal.showBlock(block("one", "two"))).pipe(
        Effect.scoped,
        Effect.provideService(Terminal, Terminal.make(terminal))
      )
      expect(screen()).toEqual([""])
    }))

  it.effect("leave nothing behind in a window that became narrower, where they have wrapped", () =>
    Effect.gen(function*() {
      const { becomeNarrower, screen, stream } = fakeTerminal(40, 20)
      const terminal = makeTerminal(stream, {})
      terminal.writeLine("log")
      yield* terminal.showBlock(block("x".repeat(39), "short", "y".repeat(25)))
      becomeNarrower(15)
      expect(screen()).toHaveLength(7)
      terminal.writeLine("more")
      expect(screen()).toEqual(["log", "more", `${"x".repeat(13)}…`, "short", `${"y".repeat(13)}…`])
    }))

  it.effect("never wrap and never fill the window, whatever they are asked to show", () =>
    Effect.gen(function*() {
      const { stream, take } = fakeTerminal(12, 5)
      const terminal = makeTerminal(stream, {})
      yield* terminal.showBlock(block("中文中文中文中文", "👍👍👍👍👍👍👍", "plain", "x", "y", "z"))
      const lines = take().replace("\r", "").split("\n")
      expect(lines).toEqual(["中文中文中…", "👍👍👍👍👍…", "plain", "x"])
    }))

  it.effect("have the colours of their parts, and none with NO_COLOR", () =>
    Effect.gen(function*() {
      const lines: ReadonlyArray<BlockLine> = [[{ text: "Delivery ", tone: "dim" }, { text: "waiting", tone: "bad" }]]
      const coloured = fakeTerminal(40, 10)
      yield* makeTerminal(coloured.stream, { NO_COLOR: "" }).showBlock(lines)
      expect(coloured.take()).toBe("\u001b[90mDelivery \u001b[0m\u001b[31mwaiting\u001b[0m\r")
      const bare = fakeTerminal(40, 10)
      yield* makeTerminal(bare.stream, { NO_COLOR: "1" }).showBlock(lines)
      expect(bare.take()).toBe("Delivery waiting\r")
    }))

  it.effect("are never drawn into a pipe or on a terminal that cannot move its cursor", () =>
    Effect.gen(function*() {
      const pipe = fakeTerminal(0, 0, false)
      const dumb = fakeTerminal(80, 24)
      for (const [{ stream, take }, environment] of [[pipe, {}], [dumb, { TERM: "dumb" }]] as const) {
        const terminal = makeTerminal(stream, environment)
        yield* terminal.showBlock(block("one", "two"))
        terminal.writeLine("log")
        yield* terminal.showStatus("three")
        yield* terminal.showBlock([])
        expect(take()).toBe("log\n")
        expect(terminal.colour).toBe(false)
      }
    }))

  it.effect("are laid out for 80 columns and 24 rows where the terminal does not tell its size", () =>
    Effect.gen(function*() {
      const { stream } = fakeTerminal(0, 0)
      expect(yield* makeTerminal(stream, {}).size).toEqual({ columns: 80, rows: 24 })
    }))
})
