import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Stream } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { ChessGameMetrics } from "../../../src/domain/ChessGameMetrics.js"
import type { GenericMetric } from "../../../src/domain/GenericMetric.js"
import { identity } from "../../../src/domain/Identity.js"
import { FeedHealth } from "../../../src/generators/lichess/FeedHealth.js"
import { checkOptions, knownChannels } from "../../../src/generators/lichess/LichessOptions.js"
import { playerWatch } from "../../../src/generators/lichess/PlayerWatch.js"

const page = fs.readFileSync(
  path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../../docs/lichess.md"),
  "utf8"
)

interface Documented {
  readonly name: string
  readonly tags: ReadonlyArray<string>
  /** Names of the fields that the page mentions for it. */
  readonly fields: ReadonlyArray<string>
}

const quoted = (cell: string): ReadonlyArray<string> => Array.from(cell.matchAll(/`([a-z_]+)`/g), ([, name]) => name)

const documented: ReadonlyArray<Documented> = page
  .split("\n")
  .filter((line) => /^\| `[a-z_]+` \|/.test(line))
  .map((line) => {
    const [, name, , tags, , , fields] = line.split("|")
    return { name: quoted(name)[0], tags: quoted(tags), fields: quoted(fields) }
  })

const force = { pieces: 16, pawns: 8, material: 39, pocket: { pieces: 1, material: 1 } }

/** Everything that a game can be told to have. */
const full = {
  timestamp: 0,
  gameId: "game0001",
  channel: "crazyhouse",
  orientation: "white",
  players: { white: { name: "Ann", title: "GM", rating: 2700 }, black: { name: "Bob", rating: 2600, ai: 8 } },
  terms: { variant: "crazyhouse", speed: "blitz", rated: true, clock: { initial: 180, increment: 2 } },
  position: { fen: "f", lastMove: "e2e4" },
  ply: 31,
  halfmoves: 1,
  checks: { white: 1, black: 0 },
  clocks: { white: 1, black: 2 },
  clockSpent: { color: "white", seconds: 3 },
  thinkTime: { color: "white", seconds: 5 },
  force: { white: force, black: force }
} as const

const result = {
  status: "mate",
  winner: "white",
  plies: 31,
  durationSeconds: 9,
  ratingDiffs: { white: 1, black: -1 }
} as const

const ofGames: ReadonlyArray<GenericMetric> = [
  new ChessGameMetrics({ ...full, event: "start" }),
  new ChessGameMetrics({ ...full, event: "move" }),
  new ChessGameMetrics({ ...full, event: "abandoned" }),
  new ChessGameMetrics({ ...full, event: "end", result: { ...result, score: 1 } }),
  new ChessGameMetrics({ ...full, event: "end", result })
].flatMap((snapshot) => snapshot.toGenericMetrics())

const ofFeeds = (): ReadonlyArray<GenericMetric> => {
  const health = new FeedHealth("blitz")
  health.answered(200)
  health.connected(0)
  health.frame("move", 0, 0)
  return health.toGenericMetrics(1, 0)
}

const ofPlayers: Effect.Effect<ReadonlyArray<GenericMetric>, unknown> = Effect.gen(function*() {
  const settings = yield* checkOptions({ users: ["ann"] })
  const watch = playerWatch(settings, {
    url: "",
    open: () => Effect.never,
    json: (asked) =>
      Effect.succeed(
        asked.startsWith("/api/users/")
          ? [{ id: "ann", name: "Ann" }]
          : { id: "ann", username: "Ann", perfs: { blitz: { rating: 1500, games: 3, rd: 50, prog: 0 } } }
      )
  })
  return Chunk.toReadonlyArray(yield* Stream.runCollect(Stream.take(watch, 4)))
})

describe("docs/lichess.md", () => {
  it.effect("names every metric that can be emitted, and no other, with its tags and fields", () =>
    Effect.gen(function*() {
      const emitted = new Map<string, { readonly tags: ReadonlyArray<string>; readonly fields: Set<string> }>()
      for (const metric of [...ofGames, ...ofFeeds(), ...(yield* ofPlayers)]) {
        expect(metric.origin).toBe("game")
        const { fields, tags } = identity(metric)
        emitted.set(metric.metricType, { tags: Object.keys(tags), fields: new Set(Object.keys(fields ?? {})) })
      }
      expect(documented.map(({ name }) => name).sort()).toEqual(Array.from(emitted.keys()).sort())
      for (const { fields, name, tags } of documented) {
        const own = emitted.get(name)
        expect([name, [...tags].sort()]).toEqual([name, own?.tags])
        const nested = fields.filter((field) => ["game", "position", "about", "rating"].includes(field))
        const likeAnother = fields.some((field) => emitted.has(field) && !["rating"].includes(field))
        if (!likeAnother) expect([name, new Set(nested)]).toEqual([name, own?.fields])
      }
    }))

  it("names the channels", () => {
    for (const channel of knownChannels) expect(page).toContain(`\`${channel}\``)
  })
})
