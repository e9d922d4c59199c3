import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { PassThrough } from "node:stream"
import { RequestTurns } from "../../src/server/RequestTurns.js"

const turnOfTheLoop = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

describe("RequestTurns", () => {
  it.effect("has one of a connection at work, pauses its reading while sixteen wait, and lets others in between", () =>
    Effect.gen(function*() {
      const turns = new RequestTurns()
      const socket = new PassThrough()
      socket.resume()
      const begun: Array<number> = []
      const ends: Array<() => void> = []
      for (let i = 0; i < 20; i++) {
        turns.take(socket, (done) => {
          begun.push(i)
          ends.push(done)
        })
        expect(socket.isPaused()).toBe(i >= 16)
      }
      expect(begun).toEqual([0])
      // As Node does it with an answer that is out.
      socket.resume()
      yield* turnOfTheLoop
      expect(socket.isPaused()).toBe(true)
      turns.take(new PassThrough(), () => begun.push(-1))
      expect(begun).toEqual([0, -1])
      for (let i = 0; i < 20; i++) {
        expect(turns.isBusy(socket)).toBe(true)
        ends[i]()
        expect(begun.length).toBe(i + 2)
        yield* turnOfTheLoop
        expect(socket.isPaused()).toBe(20 - 2 - i >= 16)
      }
      expect(turns.isBusy(socket)).toBe(false)
      expect(begun).toEqual([0, -1, ...Array.from({ length: 19 }, (_, i) => i + 1)])
    }))

  it.effect("lets ten thousand wait on all connections, and refuses more of those who need not be served at once", () =>
    Effect.gen(function*() {
      const turns = new RequestTurns()
      const first = new PassThrough()
      const takeUntilRefused = (socket: PassThrough): number => {
        let taken = 0
        while (turns.take(socket, () => {})) taken++
        return taken
      }
      expect(takeUntilRefused(first)).toBe(10_001)
      const second = new PassThrough()
      expect(takeUntilRefused(second)).toBe(1)
      first.destroy()
      yield* turnOfTheLoop
      expect(takeUntilRefused(second)).toBe(10_000)
    }))

  it.effect("drops what waits when the connection closes", () =>
    Effect.gen(function*() {
      const turns = new RequestTurns()
      const socket = new PassThrough()
      let end = () => {}
      let begun = 0
      for (let i = 0; i < 3; i++) {
        turns.take(socket, (done) => {
          begun++
          end = done
        })
      }
      socket.destroy()
      yield* turnOfTheLoop
      end()
      yield* turnOfTheLoop
      expect(begun).toBe(1)
    }))
})
