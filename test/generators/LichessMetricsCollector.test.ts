import { describe, expect, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Layer, Scope } from "effect"
import { metricProblem } from "../../src/domain/GenericMetric.js"
import { LichessMetricsCollector } from "../../src/generators/LichessMetricsCollector.js"
import { type Following, following } from "./lichess/following.js"
import { featured, fen, moves, moveTo, positions } from "./lichess/frames.js"
import {
  type Answer,
  endingFeed,
  exported,
  feed,
  json,
  type LichessServer,
  lichessServer,
  status
} from "./lichess/LichessServer.js"

const path = (channel: string): string => `/api/tv/${channel}/feed`

const lines = (...given: ReadonlyArray<string>): string => given.map((line) => `${line}\n`).join("")

/** Follows `blitz` on a server that answers its feed so, one answer a connection. */
const followBlitz = (...answers: ReadonlyArray<Answer>) =>
  Effect.gen(function*() {
    const server = yield* lichessServer
    server.on(path("blitz"), ...answers)
    const blitz = yield* following({ channels: ["blitz"], url: server.url, healthInterval: "1 second" })
    return { ...blitz, server }
  })

const ended = (follower: Following, count = 1) => follower.until(() => follower.ofType("game_end").length >= count)

/** The move of this ply in a game of two kings, a minute on each clock. */
const kings = (ply: number): string =>
  fen(`4k3/8/8/8/8/8/8/4K3 ${ply % 2 === 0 ? "w" : "b"} - - 0 ${Math.floor(ply / 2) + 1}`, "e1e2", 60, 60)

const moveCount = ({ ofType }: Following): number => ofType("move").length

describe("LichessMetricsCollector over real sockets", () => {
  it.scoped("tells a game from its start to its result", () =>
    Effect.gen(function*() {
      const blitz = yield* followBlitz(feed(
        lines(featured("g1", positions[0])),
        ...[1, 2, 3, 4].map((ply) => lines(moveTo(ply))),
        lines(featured("g2", positions[0], "Cid", "Dee"))
      ))
      blitz.server.on("/game/export/g1", exported("g1"))
      yield* ended(blitz)

      const players = { white: { name: "Ann", title: "GM", rating: 2600 }, black: { name: "Bob", rating: 2500 } }
      expect(blitz.ofType("game_start")[0]).toMatchObject({
        value: 1,
        tags: { channel: "blitz" },
        fields: { game: { id: "g1", players, orientation: "white", speed: "blitz", variant: "standard" } }
      })
      expect(blitz.ofType("rating").slice(0, 2).map(({ tags, value }) => [tags, value])).toEqual([
        [{ channel: "blitz", color: "white" }, 2600],
        [{ channel: "blitz", color: "black" }, 2500]
      ])
      expect(blitz.ofType("rating_gap")[0].value).toBe(100)
      expect(blitz.ofType("move").map(({ value }) => value)).toEqual([1, 2, 3, 4])
      expect(blitz.ofType("move")[2].fields).toMatchObject({
        position: { fen: positions[3], lastMove: moves[2] },
        game: { id: "g1", ply: 3, players }
      })
      expect(blitz.ofType("clock_seconds").filter(({ tags }) => tags["color"] === "white").map(({ value }) => value))
        .toEqual([170, 170, 160, 160])
      expect(blitz.ofType("clock_spent_seconds").map(({ tags, value }) => [tags["color"], value])).toEqual([
        ["white", 10],
        ["black", 10]
      ])
      expect(blitz.ofType("material_balance").map(({ value }) => value)).toEqual([0, 0, 1, 0])

      const [end] = blitz.ofType("game_end")
      expect(end).toMatchObject({
        value: 1,
        tags: { channel: "blitz" },
        timestamp: 1_700_000_090_500,
        fields: {
          position: { fen: positions[4] },
          game: {
            id: "g1",
            status: "mate",
            winner: "white",
            plies: 4,
            durationSeconds: 90.5,
            abandonedByFeed: false,
            rated: true,
            speed: "blitz",
            variant: "standard",
            clock: { initial: 180, increment: 2 },
            players
          }
        }
      })
      expect(blitz.ofType("game_plies")[0].value).toBe(4)
      expect(blitz.ofType("game_duration_seconds")[0].value).toBe(90.5)
      expect(blitz.ofType("rating_diff").map(({ tags, value }) => [tags["color"], value])).toEqual([
        ["white", 5],
        ["black", -6]
      ])
      expect(yield* blitz.losses).toEqual([])
    }))

  it.scoped("asks as the rules of the site want it: who it is, what it wants, no token", () =>
    Effect.gen(function*() {
      const blitz = yield* followBlitz(feed(lines(featured("g1", positions[0]), featured("g2", positions[0]))))
      blitz.server.on("/game/export/g1", exported("g1"))
      yield* ended(blitz)
      const [opened, ...others] = blitz.server.arrived
      expect(opened.headers).toMatchObject({ accept: "application/x-ndjson" })
      const asked = others.find((request) => request.path.startsWith("/game/export/g1"))
      expect(asked?.path).toBe("/game/export/g1?moves=false&clocks=false&evals=false&opening=false")
      expect(asked?.headers).toMatchObject({ accept: "application/json" })
      for (const { headers } of blitz.server.arrived) {
        expect(headers["user-agent"]).toMatch(/^metrics-collector/)
        expect(headers.authorization).toBeUndefined()
      }
    }))

  it.scoped("measures think times once the increment is known", () =>
    Effect.gen(function*() {
      const server = yield* lichessServer
      let play = (): void => {}
      server.on(path("best"), (response) => {
        response.writeHead(200, { "content-type": "application/x-ndjson" })
        response.write(lines(featured("g1", "4k3/8/8/8/8/8/8/4K3 w - - 0 1")))
        let ply = 0
        play = () => void response.write(lines(kings(++ply)))
      })
      server.on("/game/export/g1", exported("g1", { status: "started", winner: undefined }))
      const best = yield* following({ channels: ["best"], url: server.url })
      yield* best.until(() => {
        play()
        return best.ofType("think_time_seconds").length > 0
      })
      // Each clock stands at 60 s: what was gained was thought away.
      expect(best.ofType("clock_spent_seconds").every(({ value }) => value === 0)).toBe(true)
      expect(best.ofType("think_time_seconds")[0].value).toBe(2)
      const known = { variant: "standard", speed: "blitz", rated: true, clock: { initial: 180, increment: 2 } }
      expect(best.ofType("move").at(-1)?.fields).toMatchObject({ game: known })
    }))

  it.scoped("reads keep-alives, CRLF, characters cut in two and lines cut anywhere", () =>
    Effect.gen(function*() {
      const text = [featured("g1", positions[0], "Zoë ♞", "Bøb"), "", moveTo(1), "  ", moveTo(2)].join("\r\n")
      const bytes = new TextEncoder().encode(`\n${text}\r\n\n`)
      const blitz = yield* followBlitz(feed(...Array.from(bytes, (byte) => Uint8Array.of(byte))))
      yield* blitz.until(() => moveCount(blitz) === 2)
      expect(blitz.ofType("game_start")[0].fields).toMatchObject({
        game: { players: { white: { name: "Zoë ♞" }, black: { name: "Bøb" } } }
      })
    }))

  it.scoped("leaves out what cannot be used, counts it, says so once, and goes on", () =>
    Effect.gen(function*() {
      const blitz = yield* followBlitz(feed(
        lines(featured("g1", positions[0]), moveTo(1)),
        "x".repeat(1_048_577),
        "\n",
        lines("<html>", "[]", "{\"t\":\"end\"}", "{}", "{\"t\":\"fen\"}", "{\"t\":\"crowd\",\"d\":7}", moveTo(1)),
        Uint8Array.of(0xff, 0x0a),
        lines(moveTo(2))
      ))
      yield* blitz.until(() => moveCount(blitz) === 2)
      yield* blitz.advanceUntil(() => blitz.health("feed_parse_errors_total") !== undefined)
      expect(blitz.health("feed_parse_errors_total")).toBe(5)
      expect(blitz.health("feed_unknown_frames_total")).toBe(3)
      expect(blitz.health("feed_duplicate_frames_total")).toBe(1)
      expect(blitz.logged.filter((line) => line.includes("cannot be used"))).toEqual([
        "Lichess channel blitz: left out a line that cannot be used (a line is longer than 1048576 bytes); " +
        "further ones of this connection are only counted, in feed_parse_errors_total"
      ])
    }))

  it.scoped("takes players of whom little is known, and games without clocks", () =>
    Effect.gen(function*() {
      const blitz = yield* followBlitz(feed(lines(
        JSON.stringify({ t: "featured", d: { id: "g1", players: [{ color: "black", ai: 8 }, { color: "white" }] } }),
        fen(positions[1], "e2e4"),
        JSON.stringify({ t: "featured", d: { id: "g2" } }),
        fen(positions[1], "e2e4")
      )))
      yield* blitz.until(() => moveCount(blitz) === 2)
      expect(blitz.ofType("game_start").map(({ fields }) => fields?.["game"])).toMatchObject([
        { players: { white: {}, black: { ai: 8 } } },
        { players: { white: {}, black: {} } }
      ])
      expect(blitz.types()).not.toContain("rating")
      expect(blitz.types()).not.toContain("clock_seconds")
      expect(blitz.ofType("piece_count")).toHaveLength(4)
    }))

  it.scoped("gets over web pages, errors and cut connections, and misses no move unsaid", () =>
    Effect.gen(function*() {
      const blitz = yield* followBlitz(
        status(503, "<html>busy</html>", { "content-type": "text/html" }),
        status(200, "<html>maintenance</html>", { "content-type": "text/html; charset=utf-8" }),
        endingFeed(lines(featured("g1", positions[0]), moveTo(1)), moveTo(2).slice(0, 20)),
        (response) => void response.destroy(),
        feed(lines(featured("g1", positions[3]), moveTo(4)))
      )
      yield* blitz.advanceUntil(() => moveCount(blitz) === 2)
      expect(blitz.types().filter((type) => type === "game_start")).toHaveLength(1)
      expect(blitz.ofType("move").map(({ value }) => value)).toEqual([1, 4])
      expect(yield* blitz.losses).toMatchObject([{
        source: "lichess",
        reason: "feed-gap",
        count: 18,
        detail: "channel blitz: game g1: plies 2 to 3 never came"
      }])
      yield* blitz.advanceUntil(() => blitz.health("feed_reconnects_total") === 1)
      expect(blitz.health("feed_missed_plies_total")).toBe(2)
      expect(blitz.health("feed_http_status")).toBe(200)
      expect(blitz.logged.filter((line) => line.includes("web page"))).toHaveLength(1)
    }))

  it.scoped("does not take a change in mid-game for an end", () =>
    Effect.gen(function*() {
      const blitz = yield* followBlitz(feed(lines(
        featured("g1", positions[0]),
        moveTo(1),
        featured("g2", positions[3]),
        moveTo(4)
      )))
      blitz.server.on("/game/export/g1", exported("g1", { status: "started", winner: undefined }))
      yield* blitz.until(() => blitz.ofType("game_abandoned_by_feed").length === 1)
      expect(blitz.ofType("game_abandoned_by_feed")[0]).toMatchObject({
        value: 1,
        fields: { game: { id: "g1", ply: 1, speed: "blitz" }, position: { fen: positions[1] } }
      })
      expect(blitz.types()).not.toContain("game_end")
    }))

  it.scoped("scores draws and defeats, and gives no score to a game without one", () =>
    Effect.gen(function*() {
      const blitz = yield* followBlitz(
        feed(lines(...["g1", "g2", "g3", "g4", "g5"].map((id) => featured(id, positions[0]))))
      )
      blitz.server.on("/game/export/g1", exported("g1", { status: "stalemate", winner: undefined }))
      blitz.server.on("/game/export/g2", exported("g2", { status: "resign", winner: "black" }))
      blitz.server.on("/game/export/g3", exported("g3", { status: "outoftime", winner: undefined }))
      blitz.server.on("/game/export/g4", exported("g4", { status: "aborted", winner: undefined, players: {} }))
      yield* ended(blitz, 3)
      yield* blitz.until(() => blitz.ofType("game_no_result").length === 1)
      expect(blitz.ofType("game_end").map(({ value }) => value)).toEqual([0.5, 0, 0.5])
      expect(blitz.ofType("game_no_result")[0].fields).toMatchObject({ game: { id: "g4", status: "aborted" } })
    }))

  it.scoped("follows an endless game without losing a move", () =>
    Effect.gen(function*() {
      const count = 4000
      const many = Array.from(
        { length: count / 40 },
        (_, piece) => lines(...Array.from({ length: 40 }, (_, i) => kings(40 * piece + i + 1)))
      )
      const blitz = yield* followBlitz(feed(lines(featured("g1", "4k3/8/8/8/8/8/8/4K3 w - - 0 1")), ...many))
      yield* blitz.until(() => moveCount(blitz) === count)
      expect(blitz.ofType("move").map(({ value }) => value)).toEqual(Array.from({ length: count }, (_, i) => i + 1))
      expect(yield* blitz.losses).toEqual([])
    }))

  it.scoped("goes on with the channels that exist, and names those when one does not", () =>
    Effect.gen(function*() {
      const server = yield* lichessServer
      server.on(path("blitz"), feed(lines(featured("g1", positions[0]), moveTo(1))))
      server.on("/api/tv/channels", json({ blitz: {}, chess960: {} }))
      const both = yield* following({ channels: ["Blitz", "blitz"], url: server.url })
      yield* both.until(() => moveCount(both) === 1 && both.logged.length > 0)
      expect(both.logged).toEqual([
        `${server.url}/api/tv/Blitz/feed answers 404: there is no channel "Blitz". ` +
        "Channels are case-sensitive; there are blitz, chess960"
      ])
    }))

  it.scoped("fails when none of its channels exists, and does not ask for them again", () =>
    Effect.gen(function*() {
      const server = yield* lichessServer
      const none = yield* following({ channels: ["blits", "rapit"], url: server.url })
      const exit = yield* none.ended
      const message = Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""
      expect(message).toContain("there is no channel \"blits\"")
      expect(message).toContain("there is no channel \"rapit\"")
      expect(message).toContain("there are best, bullet, blitz, rapid")
      const asked = server.arrived.length
      yield* none.again
      expect(server.arrived).toHaveLength(asked)
    }))

  it.scoped("takes a redirect to the page 429 for a refusal: follows it not, and leaves the server alone for a minute", () =>
    Effect.gen(function*() {
      const refusal: Answer = (response, request) =>
        void response.writeHead(302, { location: `http://${request.headers.host ?? ""}/429` }).end()
      const blitz = yield* followBlitz(refusal, feed(lines(featured("g1", positions[0]))))
      yield* blitz.until(() => blitz.logged.some((text) => text.includes("too many requests (429)")))
      const refusedAt = yield* Clock.currentTimeMillis
      yield* blitz.advanceUntil(() => blitz.types().includes("game_start"))
      expect((yield* Clock.currentTimeMillis) - refusedAt).toBeGreaterThanOrEqual(60_000)
      expect(blitz.server.arrived.slice(0, 2).map((request) => request.path)).toEqual([path("blitz"), path("blitz")])
      expect(blitz.server.arrived.filter((request) => request.path.includes("429"))).toEqual([])
    }))

  it.scoped("cuts a connection that has fallen silent in the middle of a line, and opens another", () =>
    Effect.gen(function*() {
      const server = yield* lichessServer
      server.on(
        path("blitz"),
        feed(lines(featured("g1", positions[0]), moveTo(1)), moveTo(2).slice(0, 30)),
        feed(lines(featured("g1", positions[0]), moveTo(2)))
      )
      const blitz = yield* following({ channels: ["blitz"], url: server.url, idleTimeout: "20 seconds" })
      yield* blitz.until(() => moveCount(blitz) === 1)
      const silentSince = yield* Clock.currentTimeMillis
      yield* blitz.advanceUntil(() => moveCount(blitz) === 2)
      expect((yield* Clock.currentTimeMillis) - silentSince).toBeGreaterThanOrEqual(20_000)
      expect(blitz.ofType("move").map(({ value }) => value)).toEqual([1, 2])
      yield* blitz.advanceUntil(() => blitz.health("feed_reconnects_total") === 1)
      expect(server.arrived.filter((request) => request.path === path("blitz"))).toHaveLength(2)
    }))

  it.scoped("closes its connections with its scope", () =>
    Effect.gen(function*() {
      const server = yield* lichessServer
      server.on(path("blitz"), feed(lines(featured("g1", positions[0]))))
      const scope = yield* Scope.make()
      const blitz = yield* Scope.extend(following({ channels: ["blitz"], url: server.url }), scope)
      yield* blitz.until(() => blitz.types().includes("game_start"))
      expect(server.open()).toBeGreaterThan(0)
      yield* Scope.close(scope, Exit.void)
      yield* blitz.until(() => server.open() === 0)
    }))

  it.scoped("gives metrics only that can be stored", () =>
    Effect.gen(function*() {
      const server: LichessServer = yield* lichessServer
      server.on(
        path("crazyhouse"),
        feed(lines(
          featured("g1", "r~nbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR/PNn w KQkq - 0 1"),
          fen("r~nbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR/PNn b KQkq - 0 1", "N@e7", 10, 10)
        ))
      )
      const house = yield* following({ channels: ["crazyhouse"], url: server.url })
      yield* house.until(() => moveCount(house) === 1)
      expect(house.metrics.map(metricProblem).filter((problem) => problem !== undefined)).toEqual([])
      expect(house.ofType("material_balance")[0].fields).toMatchObject({ game: { withPockets: 5 + 4 - 3 + -5 } })
    }))
})

describe("the options of LichessMetricsCollector", () => {
  const refusal = (options: Parameters<typeof LichessMetricsCollector.layer>[0]) =>
    Effect.map(
      Effect.flip(Effect.scoped(Layer.build(LichessMetricsCollector.layer(options)))),
      ({ message }) => message
    )

  it.effect("are checked before anything is asked for", () =>
    Effect.gen(function*() {
      expect(yield* refusal({})).toContain("neither a channel nor a player is named; channels are best, bullet")
      expect(yield* refusal({ channels: ["../x"] })).toContain("\"../x\" cannot be a channel")
      expect(yield* refusal({ users: ["a b"] })).toContain("\"a b\" cannot be a player")
      expect(yield* refusal({ users: Array.from({ length: 101 }, (_, i) => `player${i}`) })).toContain("at most 100")
      expect(yield* refusal({ channels: ["best"], url: "ftp://x" })).toContain("\"ftp://x\" is no URL of a server")
      expect(yield* refusal({ channels: ["best"], idleTimeout: 10 })).toContain("idleTimeout must be at least 1s")
      expect(yield* refusal({ users: ["ann"], statusInterval: "1 second" })).toContain("at least 5s")
    }))
})
