import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Schema } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { metricProblem } from "../../../src/domain/GenericMetric.js"
import { decodeFeedFrame } from "../../../src/generators/lichess/FeedFrame.js"
import { decodeGameExport } from "../../../src/generators/lichess/GameExport.js"
import { following } from "./following.js"
import { feed, json, lichessServer } from "./LichessServer.js"

// Recordings of the real site are not part of the project: where a folder of
// them lies beside it, they are run against.
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..")
const folder = path.join(root, "../shared/fixtures/lichess")

const read = (name: string): string => fs.readFileSync(path.join(folder, name), "utf8")

const linesOf = (name: string): ReadonlyArray<string> => read(name).split("\n").filter((line) => line.trim() !== "")

const RecordedSide = Schema.Struct({
  rating: Schema.optional(Schema.Number),
  ratingDiff: Schema.optional(Schema.Number),
  aiLevel: Schema.optional(Schema.Number)
})

const RecordedGame = Schema.Struct({
  winner: Schema.String,
  moves: Schema.String,
  clock: Schema.optional(Schema.Struct({ increment: Schema.Number })),
  players: Schema.Struct({ white: RecordedSide, black: RecordedSide })
})

const RecordedPlayer = Schema.Struct({
  id: Schema.String,
  username: Schema.String,
  title: Schema.String,
  perfs: Schema.Record({
    key: Schema.String,
    value: Schema.Struct({ rating: Schema.Number, rd: Schema.Number, prov: Schema.optional(Schema.Boolean) })
  })
})

const feeds = fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.startsWith("tv-feed-")) : []

describe.runIf(fs.existsSync(folder))("recordings of the real site", () => {
  for (const name of feeds) {
    it.scoped(`${name}: every frame is used, every move is told`, () =>
      Effect.gen(function*() {
        const server = yield* lichessServer
        const lines = linesOf(name)
        server.on("/api/tv/best/feed", feed(...lines.map((line) => `${line}\n`)))
        const best = yield* following({ channels: ["best"], url: server.url, healthInterval: "1 second" })
        const moves = lines.filter((line) => line.startsWith("{\"t\":\"fen\"")).length
        yield* best.until(() => best.ofType("move").length === moves)
        yield* best.advanceUntil(() => best.health("feed_parse_errors_total") !== undefined)
        expect(best.health("feed_parse_errors_total")).toBe(0)
        expect(best.health("feed_unknown_frames_total")).toBe(0)
        expect(best.ofType("game_start")).toHaveLength(lines.length - moves)
        expect(best.ofType("rating")).toHaveLength(2 * (lines.length - moves))
        expect(best.ofType("clock_seconds")).toHaveLength(2 * moves)
        expect(best.ofType("material")).toHaveLength(2 * moves)
        expect(best.metrics.map(metricProblem).filter((problem) => problem !== undefined)).toEqual([])
        expect((yield* best.losses).filter(({ detail = "" }) => detail.includes("never came"))).toEqual([])
      }))
  }

  it.scoped("the moves of a stored game have the times that their clocks tell, as a feed of them", () =>
    Effect.gen(function*() {
      const server = yield* lichessServer
      const positions = linesOf("stream-game-finished-2026-09.ndjson").filter((line) => line.startsWith("{\"fen\""))
      const first = JSON.stringify({ t: "featured", d: { id: "recorded", players: [] } })
      const frames = positions.map((line) => `{"t":"fen","d":${line}}`)
      server.on("/api/tv/bullet/feed", feed(...[first, ...frames].map((line) => `${line}\n`)))
      const bullet = yield* following({ channels: ["bullet"], url: server.url })
      yield* bullet.until(() => bullet.ofType("move").length === positions.length)
      expect(yield* bullet.losses).toEqual([])
      const spent = bullet.ofType("clock_spent_seconds")
      expect(spent).toHaveLength(positions.length - 1)
      for (const color of ["white", "black"]) {
        const clocks = bullet.ofType("clock_seconds").filter(({ tags }) => tags["color"] === color)
        const sum = spent.filter(({ tags }) => tags["color"] === color).reduce((total, { value }) => total + value, 0)
        expect(sum).toBe(clocks[0].value - (clocks.at(-1)?.value ?? 0))
      }
    }))

  it("exports of games are read: against engines, by correspondence, rated", () => {
    const lines = linesOf("games-user-2025-12.ndjson")
    for (const line of lines) {
      const raw = Schema.decodeUnknownSync(RecordedGame)(JSON.parse(line))
      const { players, result, terms } = Either.getOrThrow(decodeGameExport(JSON.parse(line)))
      expect(result?.score).toBe(raw.winner === "white" ? 1 : 0)
      expect(result?.plies).toBe(raw.moves.split(" ").length)
      expect(terms.clock?.increment).toBe(raw.clock?.increment)
      for (const color of ["white", "black"] as const) {
        expect(players[color].ai).toBe(raw.players[color].aiLevel)
        expect(players[color].rating).toBe(raw.players[color].rating)
        expect(result?.ratingDiffs[color]).toBe(raw.players[color].ratingDiff)
      }
    }
    expect(lines.length).toBeGreaterThan(0)
  })

  it.scoped("players are read, titles and provisional ratings too", () =>
    Effect.gen(function*() {
      const raw: unknown = JSON.parse(read("user-bot-leelachess-2021.json"))
      const { id, perfs, title, username } = Schema.decodeUnknownSync(RecordedPlayer)(raw)
      const server = yield* lichessServer
      server.on(`/api/user/${id}`, json(raw))
      server.on("/api/users/status", json([]))
      const watch = yield* following({ users: [username], url: server.url })
      const names = Object.keys(perfs)
      yield* watch.until(() => watch.ofType("player_rating").length === names.length)
      for (const { fields, tags, value } of watch.ofType("player_rating")) {
        const { prov, rating, rd } = perfs[tags["perf"]]
        expect(value).toBe(rating)
        expect(fields).toMatchObject({
          about: { name: username, title },
          rating: { deviation: rd, provisional: prov === true }
        })
      }
    }))

  it("a line that was cut anywhere is an error, never a crash", () => {
    for (const name of feeds) {
      for (const line of linesOf(name)) {
        for (let cut = 0; cut < line.length; cut += 7) {
          expect(Either.isLeft(decodeFeedFrame(line.slice(0, cut)))).toBe(true)
        }
      }
    }
  })
})
