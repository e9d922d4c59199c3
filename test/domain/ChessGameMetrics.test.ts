import { describe, expect, it } from "@effect/vitest"
import { ChessGameMetrics } from "../../src/domain/ChessGameMetrics.js"
import { metricProblem } from "../../src/domain/GenericMetric.js"
import { identity } from "../../src/domain/Identity.js"

const side = { pieces: 16, pawns: 8, material: 39 }

const base = {
  timestamp: 1_700_000_000_000,
  gameId: "game0001",
  channel: "blitz",
  players: { white: { name: "Ann", title: "GM", rating: 2700 }, black: { ai: 8 } },
  clocks: {}
} as const

const rows = (snapshot: ChessGameMetrics) =>
  snapshot.toGenericMetrics().map((metric) => {
    const { fields, tags } = identity(metric)
    return { type: metric.metricType, value: metric.value, tags, fields }
  })

describe("ChessGameMetrics", () => {
  it("tells a game that comes on: its players, and a rating only where there is one", () => {
    const metrics = rows(new ChessGameMetrics({ ...base, event: "start", orientation: "black", ply: 4 }))
    expect(metrics).toEqual([
      {
        type: "game_start",
        value: 1,
        tags: { channel: "blitz" },
        fields: { game: { id: "game0001", ply: 4, orientation: "black", players: base.players } }
      },
      {
        type: "rating",
        value: 2700,
        tags: { channel: "blitz", color: "white" },
        fields: { game: { id: "game0001", ply: 4, name: "Ann", title: "GM" } }
      }
    ])
  })

  it("tells a move with clocks, time spent and material", () => {
    const snapshot = new ChessGameMetrics({
      ...base,
      event: "move",
      ply: 31,
      position: { fen: "f", lastMove: "e2e4" },
      clocks: { white: 30, black: 41 },
      clockSpent: { color: "white", seconds: 3 },
      force: {
        white: { ...side, pocket: { pieces: 1, material: 9 } },
        black: { pieces: 15, pawns: 7, material: 38, pocket: { pieces: 0, material: 0 } }
      }
    })
    const metrics = rows(snapshot)
    expect(metrics.map(({ tags, type, value }) => [type, tags.color, value])).toEqual([
      ["move", undefined, 31],
      ["clock_seconds", "white", 30],
      ["clock_seconds", "black", 41],
      ["clock_spent_seconds", "white", 3],
      ["piece_count", "white", 16],
      ["material", "white", 39],
      ["piece_count", "black", 15],
      ["material", "black", 38],
      ["material_balance", undefined, 1]
    ])
    expect(metrics[0]?.fields).toMatchObject({ position: { fen: "f", lastMove: "e2e4" } })
    expect(metrics[8]?.fields).toEqual({ game: { id: "game0001", ply: 31, withPockets: 10 } })
    for (const metric of snapshot.toGenericMetrics()) {
      expect(metric.origin).toBe("game")
      expect(metric.timestamp).toBe(base.timestamp)
      expect(metricProblem(metric)).toBeUndefined()
    }
  })

  it("tells the terms, the checks and the think time where they are known", () => {
    const metrics = rows(
      new ChessGameMetrics({
        ...base,
        event: "move",
        ply: 31,
        halfmoves: 4,
        checks: { white: 1, black: 2 },
        clockSpent: { color: "black", seconds: -1 },
        thinkTime: { color: "black", seconds: 2 },
        terms: { variant: "threeCheck", speed: "blitz", rated: false, clock: { initial: 180, increment: 3 } }
      })
    )
    expect(metrics.map(({ tags, type, value }) => [type, tags["color"], value])).toEqual([
      ["move", undefined, 31],
      ["clock_spent_seconds", "black", -1],
      ["think_time_seconds", "black", 2]
    ])
    expect(metrics[0].fields).toMatchObject({
      game: {
        halfmoves: 4,
        checks: { white: 1, black: 2 },
        variant: "threeCheck",
        speed: "blitz",
        rated: false,
        clock: { initial: 180, increment: 3 }
      }
    })
  })

  it("tells an end: the score, how it came, what it did to the ratings", () => {
    const result = {
      status: "resign",
      winner: "black",
      score: 0,
      plies: 50,
      durationSeconds: 90.5,
      ratingDiffs: { white: -4, black: 5 }
    } as const
    const metrics = rows(new ChessGameMetrics({ ...base, event: "end", result, abandonedByFeed: true }))
    expect(metrics.map(({ tags, type, value }) => [type, tags["color"], value])).toEqual([
      ["game_end", undefined, 0],
      ["game_plies", undefined, 50],
      ["game_duration_seconds", undefined, 90.5],
      ["rating_diff", "white", -4],
      ["rating_diff", "black", 5]
    ])
    expect(metrics[0].fields).toMatchObject({
      game: { status: "resign", winner: "black", plies: 50, durationSeconds: 90.5, abandonedByFeed: true }
    })
  })

  it("gives no score to a game that ended without one, nor to one that the channel left", () => {
    const aborted = new ChessGameMetrics({
      ...base,
      event: "end",
      result: { status: "aborted", ratingDiffs: {} }
    })
    expect(rows(aborted).map(({ type, value }) => [type, value])).toEqual([["game_no_result", 1]])
    const left = new ChessGameMetrics({ ...base, event: "abandoned", ply: 12 })
    expect(rows(left).map(({ type, value }) => [type, value])).toEqual([["game_abandoned_by_feed", 1]])
  })

  it("leaves out what is not known", () => {
    const snapshot = new ChessGameMetrics({ ...base, event: "move", clocks: { black: 5 } })
    expect(rows(snapshot).map(({ type }) => type)).toEqual(["clock_seconds"])
  })

  it("takes tags that never replace its own", () => {
    const snapshot = new ChessGameMetrics({ ...base, event: "move", clocks: { black: 5 } })
    const [metric] = snapshot.toGenericMetrics({ channel: "x", color: "x", rack: "7" })
    expect(metric && identity(metric).tags).toEqual({ channel: "blitz", color: "black", rack: "7" })
  })
})
