import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import { decodeFeedFrame } from "../../../src/generators/lichess/FeedFrame.js"
import { featured, moveTo, positions } from "./frames.js"

const problem = (line: string) => Either.getOrThrow(Either.flip(decodeFeedFrame(line)))

describe("decodeFeedFrame", () => {
  it("reads both known messages", () => {
    expect(Either.getOrThrow(decodeFeedFrame(featured("g1", positions[0])))).toMatchObject({
      _tag: "Featured",
      game: { id: "g1", orientation: "white", fen: positions[0] }
    })
    expect(Either.getOrThrow(decodeFeedFrame(moveTo(1)))).toMatchObject({
      _tag: "Moved",
      move: { fen: positions[1], lm: "e2e4", wc: 170, bc: 180 }
    })
  })

  it("leaves out ornaments of an unexpected kind", () => {
    const line = JSON.stringify({
      t: "featured",
      d: { id: "g1", orientation: "up", players: [{ color: "white", rating: "high", user: { name: null } }], fen: null }
    })
    expect(Either.getOrThrow(decodeFeedFrame(line))).toMatchObject({
      game: { id: "g1", orientation: undefined, fen: undefined, players: [{ color: "white", rating: undefined }] }
    })
    const move = JSON.stringify({ t: "fen", d: { fen: positions[0], lm: 3, wc: null, bc: "x" } })
    expect(Either.getOrThrow(decodeFeedFrame(move))).toMatchObject({ move: { fen: positions[0], wc: undefined } })
  })

  it("knows a message of another type for unknown", () => {
    expect(Either.getOrThrow(decodeFeedFrame("{\"t\":\"end\"}"))).toMatchObject({ _tag: "Unknown", type: "end" })
    expect(Either.getOrThrow(decodeFeedFrame("{}"))).toMatchObject({ _tag: "Unknown", type: "" })
  })

  it("says what cannot be used, and whether a game was lost with it", () => {
    expect(problem("<html>")).toMatchObject({ type: "unknown", message: "no JSON: \"<html>\"" })
    expect(problem("[1]").type).toBe("unknown")
    expect(problem("{\"t\":\"featured\",\"d\":{\"id\":\"\"}}").type).toBe("featured")
    expect(problem("{\"t\":\"fen\"}").type).toBe("fen")
    expect(problem("{\"t\":\"fen\",\"d\":{\"fen\":\"\\ud800\"}}").type).toBe("fen")
  })

  it("never throws", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
      decodeFeedFrame(line)
    }))
    fc.assert(fc.property(fc.constantFrom("fen", "featured"), fc.jsonValue(), (t, d) => {
      decodeFeedFrame(JSON.stringify({ t, d }))
    }))
  })
})
