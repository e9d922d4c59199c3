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
