import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import { decodeFeedFrame, FeedFrame } from "../../../src/generators/lichess/FeedFrame.js"
import {
  connectionLost,
  type GameDetails,
  gameUnknown,
  initialState,
  track,
  type TrackerState,
  type TrackerStep
} from "../../../src/generators/lichess/GameTracker.js"
import { featured, fen, moves, moveTo, positions } from "./frames.js"

const step = (state: TrackerState, line: string, now = 1000, details?: GameDetails): TrackerStep => {
  const frame = Either.getOrThrow(decodeFeedFrame(line))
  if (FeedFrame.$is("Unknown")(frame)) throw new Error("unknown frame")
  return track(state, { name: "blitz", details: () => details }, frame, now)
}

const follow = (
  lines: ReadonlyArray<string>,
  from = initialState,
  details?: GameDetails
): ReadonlyArray<TrackerStep> => {
  const steps: Array<TrackerStep> = []
  let state = from
  for (const line of lines) {
    const next = step(state, line, 1000, details)
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
    expect(jumped.missed).toEqual({
      plies: 2,
      metrics: 18,
      from: undefined,
      detail: "game g1: plies 2 to 3 never came"
    })
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
    expect(busy[0]?.missed).toEqual({ plies: 1, metrics: 9, from: 500, detail: "game g1: ply 4 never came" })
    expect(busy[1]).toMatchObject({ outcome: "move", missed: undefined })

    const other = step(lost, featured("g2", positions[0]))
    expect(other).toMatchObject({ outcome: "game-start", missed: { plies: "unknown", from: 500 } })
    expect(step(before, featured("g2", positions[0])).missed).toBeUndefined()
  })

  it("gives nobody the moves of a game that it could not read", () => {
    const known = last(follow([featured("g1", positions[0]), moveTo(1)])).state
    const unknown = gameUnknown(known)
    expect(unknown.left).toMatchObject({ followed: true, game: { id: "g1", ply: 1 } })
    expect(step(unknown.state, moveTo(2))).toMatchObject({
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

  it("tells which game gave way to another, and whether it was followed to its last position", () => {
    const before = last(follow([featured("g1", positions[0]), ...[1, 2].map(moveTo)])).state
    expect(step(before, featured("g2", positions[0])).left).toMatchObject({
      followed: true,
      game: { id: "g1", ply: 2, position: { fen: positions[2], lastMove: "d7d5" } }
    })
    expect(step(connectionLost(before, 500), featured("g2", positions[0])).left?.followed).toBe(false)
    expect(step(before, featured("g1", positions[2])).left).toBeUndefined()
  })

  it("knows a game to which the channel turns back: it does not start again", () => {
    const steps = follow([
      featured("g1", positions[0]),
      moveTo(1),
      featured("g2", positions[0]),
      featured("g1", positions[3]),
      moveTo(4)
    ])
    expect(steps.map(({ outcome }) => outcome)).toEqual(["game-start", "move", "game-start", "game-return", "move"])
    // What was played meanwhile was not shown: it is not missed.
    expect(steps[3]).toMatchObject({ snapshot: undefined, missed: undefined, left: { game: { id: "g2" } } })
  })

  it("knows the variant and the speed from the channel, and all terms once the details are there", () => {
    const [start] = follow([featured("g1", positions[0])])
    expect(start?.snapshot?.terms).toEqual({ variant: "standard", speed: "blitz" })
    const terms = { variant: "standard", speed: "blitz", rated: true, clock: { initial: 180, increment: 2 } }
    const [detailed] = follow([featured("g1", positions[0])], initialState, { terms, berserkable: false })
    expect(detailed?.snapshot?.terms).toEqual(terms)
  })

  describe("measures how long a move was thought about", () => {
    const details = (initial: number, increment: number, berserkable = false): GameDetails => ({
      terms: { clock: { initial, increment } },
      berserkable
    })

    const thought = (known: GameDetails | undefined, lines = [3, 4, 5].map(moveTo)) =>
      follow([featured("g1", positions[0]), ...[1, 2].map(moveTo), ...lines], initialState, known)
        .map(({ snapshot }) => snapshot?.thinkTime)

    it("only when the increment is known, and not for the first move of each side", () => {
      expect(thought(undefined)).toEqual(Array.from({ length: 6 }))
      expect(thought(details(180, 2))).toEqual([
        undefined,
        undefined,
        undefined,
        { color: "white", seconds: 12 },
        { color: "black", seconds: 12 },
        { color: "white", seconds: 12 }
      ])
    })

    it("not when a clock rose by more than the increment: time was given", () => {
      const given = fen(positions[3], "e4d5", 185, 170)
      expect(
        last(follow([featured("g1", positions[0]), moveTo(1), moveTo(2), given], initialState, details(180, 2)))
          .snapshot
      ).toMatchObject({ clockSpent: { seconds: -15 } })
      expect(thought(details(180, 2), [given])[3]).toBeUndefined()
      // One second too much may come of rounding.
      expect(thought(details(180, 2), [fen(positions[3], "e4d5", 173, 170)])[3]).toEqual({
        color: "white",
        seconds: -1
      })
    })

    it("not in an arena, as long as the mover may have gone berserk", () => {
      expect(thought(details(400, 2, true)).filter((time) => time !== undefined)).toEqual([])
      expect(thought(details(180, 2, true)).filter((time) => time !== undefined)).toHaveLength(3)
      // Without an increment there is nothing to lose.
      expect(thought(details(400, 0, true)).filter((time) => time !== undefined)).toHaveLength(3)
    })

    it("not across a gap, a takeback or a lost connection", () => {
      const known = details(180, 2)
      const before = last(follow([featured("g1", positions[0]), ...[1, 2, 3].map(moveTo)], initialState, known)).state
      expect(step(before, moveTo(5), 1, known).snapshot?.thinkTime).toBeUndefined()
      expect(step(before, moveTo(2), 1, known).snapshot?.thinkTime).toBeUndefined()
      expect(step(connectionLost(before, 0), moveTo(4), 1, known).snapshot?.thinkTime).toBeUndefined()
      expect(step(before, moveTo(4), 1, known).snapshot?.thinkTime).toEqual({ color: "black", seconds: 12 })
    })
  })
})
