import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { joinAcks } from "../../../src/sender/delivery/joinAcks.js"
import type { Ack, ServerFrame } from "../../../src/wire/Frames.js"

const ack = (stream: string, next: number, ...rejected: ReadonlyArray<number>): Ack => ({
  type: "ack",
  stream,
  next,
  rejected: rejected.map((offset) => [offset, `refused ${offset}`])
})

const gap: ServerFrame = { type: "gap", stream: "a", next: 7 }

describe("joinAcks", () => {
  it("makes one of the acks that followed one another, with all that they reject", () => {
    assert.deepStrictEqual(joinAcks([ack("a", 10, 3), ack("a", 20), ack("a", 30, 3, 24)]), [ack("a", 30, 3, 24)])
  })

  it("keeps the streams apart, and what was said in between", () => {
    const frames = [ack("a", 10), ack("b", 5), ack("a", 20), gap, ack("a", 25)]
    assert.deepStrictEqual(joinAcks(frames), frames)
  })

  it("keeps an ack that is behind the one before it", () => {
    const frames = [ack("a", 20), ack("a", 10)]
    assert.deepStrictEqual(joinAcks(frames), frames)
  })

  it("tells of every stream the same end and the same rejections as the acks one by one", () => {
    const frame = FastCheck.tuple(
      FastCheck.constantFrom("a", "b"),
      FastCheck.nat(50),
      FastCheck.uniqueArray(FastCheck.nat(50), { maxLength: 5 })
    ).map(([stream, next, rejected]) => ack(stream, next, ...rejected))
    const told = (frames: ReadonlyArray<ServerFrame>, stream: string) => {
      const own = frames.flatMap((one) => one.type === "ack" && one.stream === stream ? [one] : [])
      const offsets = own.flatMap(({ rejected }) => rejected.map(([offset]) => offset))
      return {
        next: own.reduce((most, { next }) => Math.max(most, next), 0),
        rejected: Array.from(new Set(offsets)).sort((x, y) => x - y)
      }
    }
    FastCheck.assert(FastCheck.property(FastCheck.array(frame), (frames) => {
      for (const stream of ["a", "b"]) assert.deepStrictEqual(told(joinAcks(frames), stream), told(frames, stream))
    }))
  })
})
