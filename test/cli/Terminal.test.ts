import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Logger } from "effect"
import { type LogFormat, logLines } from "../../src/cli/Terminal.js"

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
