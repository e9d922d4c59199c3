import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import { decodeFeedFrame, FeedFrame } from "../../../src/generators/lichess/FeedFrame.js"
import {
  connectionLost,
  gameUnknown,
  initialState,
  track,
  type TrackerState,
  type TrackerStep
} from "../../../src/generators/lichess/GameTracker.js"
import { featured, fen, moves, moveTo, positions } from "./frames.js"

const step = (state: TrackerState, line: string, now = 1000): TrackerStep => {
  const frame = Either.getOrThrow(decodeFeedFrame(line))
  if (FeedFrame.$is("Unknown")(frame)) throw new Error("unknown frame")
  return track(state, "blitz", frame, now)
}

const follow = (lines: ReadonlyArray<string>, from = initialState): ReadonlyArray<TrackerStep> => {
  const steps: Array<TrackerStep> = []
  let state = from
  for (const line of lines) {
    const next = step(state, line)
    steps.push(next)
    state = next.state
  }
  return steps
}

const last = (steps: ReadonlyArray<TrackerStep>): TrackerStep => {
  const found = steps.at(-1)
  if (found === undefined) throw new Error("no step")
  return found
}

describe("GameTracker", () => {
  it("follows a game from its first move", () => {
    const steps = follow([featured("g1", positions[0]), ...[1, 2, 3, 4, 5].map(moveTo)])
    expect(steps.map(({ outcome }) => outcome)).toEqual(["game-start", "move", "move", "move", "move", "move"])
    expect(steps.every(({ missed }) => missed === undefined)).toBe(true)
    expect(steps[0]?.snapshot?.players).toEqual({
      white: { name: "Ann", title: "GM", rating: 2600 },
      black: { name: "Bob", rating: 2500 }
    })
    expect(steps.map(({ snapshot }) => snapshot?.ply)).toEqual([0, 1, 2, 3, 4, 5])
    expect(steps.map(({ snapshot }) => snapshot?.clockSpent)).toEqual([
      undefined,
      undefined,
      undefined,
      { color: "white", seconds: 10 },
      { color: "black", seconds: 10 },
      { color: "white", seconds: 10 }
    ])
    expect(steps[4]?.snapshot?.force).toEqual({
      white: { pieces: 15, pawns: 7, material: 38 },
      black: { pieces: 15, pawns: 7, material: 38 }
    })
  })

  it("takes a game in its middle without speaking of loss", () => {
    const steps = follow([featured("g1", positions[3]), moveTo(4)])
    expect(last(steps)).toMatchObject({ outcome: "move", missed: undefined })
    // The announcement carries no clocks to measure against.
    expect(last(steps).snapshot?.clockSpent).toBeUndefined()
  })

  it("takes the move that led to the announced position", () => {
    expect(last(follow([featured("g1", positions[3]), moveTo(3)])).outcome).toBe("move")
  })

  it("leaves out a repetition", () => {
    const repeated = last(follow([featured("g1", positions[0]), moveTo(1), moveTo(1)]))
    expect(repeated).toMatchObject({ outcome: "duplicate", snapshot: undefined })
    const announced = last(follow([featured("g1", positions[0]), moveTo(1), featured("g1", positions[1])]))
    expect(announced).toMatchObject({ outcome: "duplicate", snapshot: undefined, missed: undefined })
  })

  it("goes back with a takeback, and measures no time across it", () => {
    const steps = follow([featured("g1", positions[0]), ...[1, 2, 3, 4].map(moveTo), moveTo(3), moveTo(4)])
    expect(steps.slice(5).map(({ outcome }) => outcome)).toEqual(["takeback", "move"])
    expect(steps[5]?.snapshot).toMatchObject({ ply: 3 })
    expect(steps[5]?.snapshot?.clockSpent).toBeUndefined()
    const same = last(follow([
      featured("g1", positions[0]),
      moveTo(1),
      fen("rnbqkbnr/pppppppp/8/8/3P4/8/PPP1PPPP/RNBQKBNR b KQkq - 0 1", "d2d4", 180, 180)
    ]))
    expect(same.outcome).toBe("takeback")
  })

  it("counts skipped plies and measures no time across them", () => {
    const jumped = last(follow([featured("g1", positions[0]), moveTo(1), moveTo(4)]))
    expect(jumped.outcome).toBe("move")
    expect(jumped.missed).toEqual({ plies: 2, from: undefined, detail: "game g1: plies 2 to 3 never came" })
    expect(jumped.snapshot?.clockSpent).toBeUndefined()
  })

  it("knows the game again after a lost connection, and what went on meanwhile", () => {
    const before = last(follow([featured("g1", positions[0]), ...[1, 2, 3].map(moveTo)])).state
    const lost = connectionLost(before, 500)

    const quiet = follow([featured("g1", positions[3]), moveTo(4)], lost)
    expect(quiet.map(({ outcome }) => outcome)).toEqual(["same-game", "move"])
    expect(quiet[0]).toMatchObject({ snapshot: undefined, missed: undefined })
    expect(quiet[1]?.snapshot?.clockSpent).toBeUndefined()

    const busy = follow([featured("g1", positions[4]), moveTo(5)], lost)
    expect(busy[0]?.missed).toEqual({ plies: 1, from: 500, detail: "game g1: ply 4 never came" })
    expect(busy[1]).toMatchObject({ outcome: "move", missed: undefined })

    const other = step(lost, featured("g2", positions[0]))
    expect(other).toMatchObject({ outcome: "game-start", missed: { plies: "unknown", from: 500 } })
    expect(step(before, featured("g2", positions[0])).missed).toBeUndefined()
  })

  it("gives nobody the moves of a game that it could not read", () => {
    const known = last(follow([featured("g1", positions[0]), moveTo(1)])).state
    expect(step(gameUnknown(known), moveTo(2))).toMatchObject({
      outcome: "unknown-game",
      snapshot: undefined,
      missed: { plies: 1 }
    })
  })

  it("misses a move whose position is no FEN, once", () => {
    const steps = follow([
      featured("g1", positions[0]),
      moveTo(1),
      fen("what?", "d7d5", 180, 180),
      moveTo(3),
      moveTo(4)
    ])
    expect(steps.map(({ outcome }) => outcome)).toEqual([
      "game-start",
      "move",
      "unreadable-position",
      "move",
      "move"
    ])
    expect(steps.map(({ missed }) => missed?.plies)).toEqual([undefined, undefined, undefined, 1, undefined])
    expect(steps[4]?.snapshot?.clockSpent).toEqual({ color: "black", seconds: 10 })
  })

  it("reads positions that say little, and hides what is hidden", () => {
    const board = (positions[1] ?? "").split(" ")[0] ?? ""
    const steps = follow([
      JSON.stringify({ t: "featured", d: { id: "g1", players: [{ color: "white", ai: 3 }, { color: "black" }] } }),
      fen(board, moves[0] ?? ""),
      fen("8/8/8/8/8/8/8/8", "d7d5", 100, 100)
    ])
    expect(steps[0]?.snapshot).toMatchObject({ players: { white: { ai: 3 }, black: {} } })
    expect(steps[0]?.snapshot?.position).toBeUndefined()
    expect(steps[1]?.snapshot?.force?.white.pieces).toBe(16)
    expect(steps[1]?.snapshot?.ply).toBeUndefined()
    expect(steps[2]?.snapshot?.force).toBeUndefined()
    expect(steps[2]?.snapshot?.toGenericMetrics().map(({ metricType }) => metricType)).toEqual([
      "clock_seconds",
      "clock_seconds"
    ])
  })
})
