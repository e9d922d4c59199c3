import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { PassThrough } from "node:stream"
import { RequestTurns } from "../../../src/server/door/RequestTurns.js"

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
        turns.take(socket, "192.0.2.1", (done) => {
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
      turns.take(new PassThrough(), "192.0.2.1", () => begun.push(-1))
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

  it.effect("lets 2,500 of a connection wait, and for all of an address as many as are still free", () =>
    Effect.gen(function*() {
      const turns = new RequestTurns()
      const takeUntilRefused = (socket: PassThrough, address: string): number => {
        let taken = 0
        while (turns.take(socket, address, () => {})) taken++
        return taken
      }
      const connections = Array.from({ length: 4 }, () => new PassThrough())
      // One of each is at work and does not wait.
      expect(connections.map((socket) => takeUntilRefused(socket, "192.0.2.1"))).toEqual([2_501, 2_501, 1, 1])
      // Another client finds room, and so does the one after it.
      expect(takeUntilRefused(new PassThrough(), "192.0.2.2")).toBe(2_501)
      expect(takeUntilRefused(new PassThrough(), "2001:db8::1")).toBe(1_251)
      // The same network: it has what its owner left.
      expect(takeUntilRefused(new PassThrough(), "2001:db8::2")).toBe(1)
      expect(takeUntilRefused(new PassThrough(), "2001:db8:0:1::1")).toBe(626)
      for (const socket of connections) socket.destroy()
      yield* turnOfTheLoop
      expect(takeUntilRefused(new PassThrough(), "192.0.2.3")).toBe(2_501)
    }))

  it.effect("drops what waits when the connection closes", () =>
    Effect.gen(function*() {
      const turns = new RequestTurns()
      const socket = new PassThrough()
      let end = () => {}
      let begun = 0
      for (let i = 0; i < 3; i++) {
        turns.take(socket, "192.0.2.1", (done) => {
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
