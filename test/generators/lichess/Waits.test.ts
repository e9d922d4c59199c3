import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { following, pass } from "./following.js"
import { featured, moveTo, positions } from "./frames.js"
import { type Reply, ScriptedLichess } from "./ScriptedLichess.js"

const url = "https://lichess.test"

const start = `${featured("g1", positions[0])}\n`

const feedPath = "/api/tv/blitz/feed"

/** A feed that stays silent and open after its parts. */
const open = (...parts: ReadonlyArray<readonly [number, string]>): Reply => ({ feed: [...parts, [1_000_000, ""]] })

const exportOf = (id: string, status: string): Reply => ({ body: JSON.stringify({ id, status, winner: "white" }) })

const between = (value: number, least: number, most: number) => {
  expect(value).toBeGreaterThanOrEqual(least)
  expect(value).toBeLessThanOrEqual(most)
}

// A request is made within a second of the instant when it may be.
const within = 1

describe("a feed that ends", () => {
  it.scoped("is opened again after 1 s, doubling to 60 s, jittered down to the half", () =>
    Effect.gen(function*() {
      const lichess = new ScriptedLichess(() => ({ status: 503, body: "<html>busy</html>" }))
      yield* following({ channels: ["blitz"], url }, lichess.layer)
      yield* pass(400)
      const gaps = lichess.gaps(feedPath)
      expect(gaps.length).toBeGreaterThan(9)
      gaps.forEach((gap, i) => {
        const full = Math.min(60, 2 ** i)
        between(gap, full / 2, full + within)
      })
    }))

  it.scoped("keeps its long delays until a connection has stood for 30 s and brought a frame", () =>
    Effect.gen(function*() {
      const answers: ReadonlyArray<Reply> = [
        ...Array.from({ length: 5 }, () => ({ status: 502 })),
        // Short, and long without a frame: not yet healthy.
        { feed: [[0, start], [5, ""]] },
        { feed: [[0, "\n"], [40, "\n"]] },
        { feed: [[0, start], [35, ""]] },
        open([0, start])
      ]
      const lichess = new ScriptedLichess((_, nth) => answers[Math.min(nth, 8)])
      yield* following({ channels: ["blitz"], url }, lichess.layer)
      yield* pass(330)
      const gaps = lichess.gaps(feedPath)
      between(gaps[5] - 5, 16, 32 + within)
      between(gaps[6] - 40, 30, 60 + within)
      between(gaps[7] - 35, 0.5, 1 + within)
    }))

  it.scoped("is given up after 90 s without a byte, blank lines being bytes", () =>
    Effect.gen(function*() {
      const answers: ReadonlyArray<Reply> = [
        open([0, start]),
        open([0, start], [80, "\n"], [160, "\r\n"], [240, `${moveTo(1)}\n`]),
        open([0, start])
      ]
      const lichess = new ScriptedLichess((_, nth) => answers[Math.min(nth, 2)])
      yield* following({ channels: ["blitz"], url }, lichess.layer)
      yield* pass(430)
      const [first, second] = lichess.gaps(feedPath)
      between(first, 90.5, 91 + within)
      between(second, 330.5, 331 + within)
    }))

  it.scoped("waits no longer than 30 s for an answer", () =>
    Effect.gen(function*() {
      const lichess = new ScriptedLichess((_, nth) => nth === 0 ? { delay: 1_000_000 } : open([0, start]))
      const { types } = yield* following({ channels: ["blitz"], url }, lichess.layer)
      yield* pass(33)
      between(lichess.gaps(feedPath)[0], 30.5, 31 + within)
      expect(types()).toContain("game_start")
    }))
})

describe("too many requests", () => {
  const forms: ReadonlyArray<readonly [string, Reply, number]> = [
    ["a bare 429", { status: 429 }, 60],
    ["JSON that names no time", { status: 429, body: "{\"error\":\"Please only run 1 request(s) at a time\"}" }, 60],
    ["a web page", { status: 429, headers: { "content-type": "text/html" }, body: "<html>429</html>" }, 60],
    ["a redirect to the page 429", { status: 302, headers: { location: "https://lichess.test/429" } }, 60],
    ["a shorter time than a minute", { status: 429, headers: { "retry-after": "5" } }, 60],
    ["Retry-After in seconds", { status: 429, headers: { "retry-after": "200" } }, 200],
    ["Retry-After as a date", { status: 429, headers: { "retry-after": "Thu, 01 Jan 1970 00:04:00 GMT" } }, 240],
    ["ratelimit.seconds", { status: 429, body: "{\"error\":\"x\",\"ratelimit\":{\"key\":\"y\",\"seconds\":300}}" }, 300]
  ]
  for (const [name, reply, seconds] of forms) {
    it.scoped(`${name}: every request waits ${seconds} s`, () =>
      Effect.gen(function*() {
        const lichess = new ScriptedLichess((path, nth) =>
          path === feedPath && nth === 0
            ? reply
            : path.endsWith("/feed")
            ? open([0, `${featured(path, positions[0])}\n`])
            : path === "/api/users/status"
            ? { body: "[]" }
            : { body: JSON.stringify({ id: "ann", status: "started" }) }
        )
        yield* following({ channels: ["blitz", "rapid"], users: ["ann"], url }, lichess.layer)
        yield* pass(seconds + 10)
        const [refused, ...others] = lichess.asked
        expect(refused).toEqual({ path: feedPath, at: 0 })
        expect(others.map(({ path }) => path.split("?")[0])).toEqual(expect.arrayContaining([
          feedPath,
          "/api/tv/rapid/feed",
          "/api/users/status",
          "/api/user/ann"
        ]))
        for (const { at } of others) expect(at).toBeGreaterThanOrEqual(seconds)
        between(others[0].at, seconds, seconds + within)
        expect(lichess.mostAtOnce).toBe(1)
      }))
  }

  it.scoped("refused again and again, waits twice as long each time, and begins anew once it is answered", () =>
    Effect.gen(function*() {
      const lichess = new ScriptedLichess((path, nth) =>
        path !== feedPath
          ? { status: 404 }
          : [0, 1, 2, 4].includes(nth)
          ? { status: 429 }
          : nth === 3
          ? { feed: [[0, start], [1, ""]] }
          : open([0, start])
      )
      yield* following({ channels: ["blitz"], url }, lichess.layer)
      yield* pass(560)
      const gaps = lichess.gaps(feedPath)
      expect(gaps.slice(0, 3)).toEqual([60, 120, 240])
      between(gaps[4], 60, 60 + within)
    }))

  it.scoped("leaves the feeds that are open alone", () =>
    Effect.gen(function*() {
      const lichess = new ScriptedLichess((path) =>
        path === feedPath ? open([0, start], [30, `${moveTo(1)}\n`]) : { status: 429 }
      )
      const { types } = yield* following({ channels: ["blitz"], url }, lichess.layer)
      yield* pass(40)
      expect(types()).toContain("move")
    }))
})

describe("results", () => {
  const changing = (id: string, at: number): readonly [number, string] => [at, `${featured(id, positions[0])}\n`]

  it.scoped("are asked for one after the other, though many games change at once", () =>
    Effect.gen(function*() {
      const channels = ["bullet", "blitz", "rapid", "classical"]
      const lichess = new ScriptedLichess((path) =>
        path.endsWith("/feed")
          ? open(changing(`${path.slice(8, 12)}0000`, 0), changing(`${path.slice(8, 12)}1111`, 10))
          : { ...exportOf(path.slice(-8), "mate"), delay: 3 }
      )
      const { ofType } = yield* following({ channels, url }, lichess.layer)
      yield* pass(60)
      expect(ofType("game_end").map(({ tags }) => tags["channel"]).sort()).toEqual([...channels].sort())
      expect(lichess.mostAtOnce).toBe(1)
    }))

  it.scoped("of a game that still runs is asked for once more, ten minutes later", () =>
    Effect.gen(function*() {
      const lichess = new ScriptedLichess((path, nth) =>
        path === feedPath
          ? open([0, start], [10, `${moveTo(1)}\n`], changing("g2", 20), ...kept(60, 1300))
          : path === "/game/export/g1"
          ? exportOf("g1", nth < 2 ? "started" : "mate")
          : exportOf("g2", "started")
      )
      const { ofType, types } = yield* following({ channels: ["blitz"], url }, lichess.layer)
      yield* pass(100)
      expect(ofType("game_abandoned_by_feed")).toMatchObject([{ timestamp: 20_000, fields: { game: { id: "g1" } } }])
      expect(types()).not.toContain("game_end")
      yield* pass(600)
      // Details when it came on, its result when it went, its result again.
      expect(lichess.times("/game/export/g1")).toEqual([0, 20, 620])
      expect(ofType("game_end")).toMatchObject([{ value: 1, fields: { game: { id: "g1", abandonedByFeed: true } } }])
    }))

  it.scoped("of a game that still runs then is not waited for", () =>
    Effect.gen(function*() {
      const lichess = new ScriptedLichess((path) =>
        path === feedPath
          ? open([0, start], changing("g2", 20), ...kept(60, 3000))
          : exportOf(path.slice(-2), "started")
      )
      const { losses, types } = yield* following({ channels: ["blitz"], url }, lichess.layer)
      yield* pass(2000)
      expect(lichess.times("/game/export/g1")).toEqual([0, 20, 620])
      expect(types().filter((type) => type.startsWith("game_"))).toEqual([
        "game_start",
        "game_start",
        "game_abandoned_by_feed"
      ])
      expect(yield* losses).toEqual([])
    }))

  it.scoped("of a game to which the channel turned back is not asked for meanwhile", () =>
    Effect.gen(function*() {
      const lichess = new ScriptedLichess((path) =>
        path === feedPath
          ? open([0, start], changing("g2", 20), changing("g1", 30), ...kept(60, 1300))
          : exportOf(path.slice(-2), "started")
      )
      const { types } = yield* following({ channels: ["blitz"], url }, lichess.layer)
      yield* pass(1200)
      expect(lichess.times("/game/export/g1")).toEqual([0, 20])
      expect(types().filter((type) => type === "game_start")).toHaveLength(2)
    }))

  it.scoped("that cannot be had are tried five times, then written down as lost", () =>
    Effect.gen(function*() {
      const lichess = new ScriptedLichess((path) =>
        path === feedPath ? open([0, start], changing("g2", 20), ...kept(60, 600)) : { status: 500 }
      )
      const { health, losses } = yield* following({ channels: ["blitz"], url }, lichess.layer)
      yield* pass(400)
      const [, first, ...others] = lichess.times("/game/export/g1")
      expect(first).toBe(20)
      expect(others).toHaveLength(4)
      others.forEach((at, i) => {
        const gap = at - (i === 0 ? first : others[i - 1])
        between(gap, 10 * 2 ** i, 15 * 2 ** i + within)
      })
      expect(yield* losses).toMatchObject([{
        source: "lichess",
        reason: "feed-gap",
        count: 1,
        from: 20_000,
        detail: "channel blitz: the result of game g1 cannot be had: it answers with status 500"
      }])
      expect(health("feed_missed_results_total")).toBe(1)
    }))

  it.scoped("of a game that is gone are written down as lost at once", () =>
    Effect.gen(function*() {
      const lichess = new ScriptedLichess((path) =>
        path === feedPath ? open([0, start], changing("g2", 20)) : { status: 404 }
      )
      const { losses } = yield* following({ channels: ["blitz"], url }, lichess.layer)
      yield* pass(80)
      expect(lichess.times("/game/export/g1")).toEqual([0, 20])
      expect(yield* losses).toHaveLength(1)
    }))
})

/** Blank lines, so that the feed is not taken for dead. */
const kept = (every: number, until: number): ReadonlyArray<readonly [number, string]> =>
  Array.from({ length: Math.floor(until / every) }, (_, i) => [(i + 1) * every, "\n"])

describe("players", () => {
  const ann = { id: "ann", name: "Ann", title: "GM", online: true, playing: true }
  const perfs = { blitz: { games: 12, rating: 2600, rd: 50, prog: 3 }, storm: { runs: 3, score: 20 } }

  const answering = (path: string): Reply =>
    path === "/api/users/status"
      ? { body: JSON.stringify([ann, { id: "bob", name: "Bob" }]) }
      : path === "/api/user/ann"
      ? { body: JSON.stringify({ id: "ann", username: "Ann", title: "GM", perfs }) }
      : path === "/api/user/bob"
      ? { body: JSON.stringify({ id: "bob", username: "Bob", perfs: { rapid: { rating: 1500, prov: true } } }) }
      : { status: 404 }

  it.scoped("are asked for together every 30 s, and for their ratings one by one every 10 min", () =>
    Effect.gen(function*() {
      const lichess = new ScriptedLichess(answering)
      const { rows } = yield* following({ users: ["Ann", "bob", "ANN"], url }, lichess.layer)
      yield* pass(605)
      expect(lichess.times("/api/users/status?ids=ann,bob")).toEqual(Array.from({ length: 21 }, (_, i) => 30 * i))
      expect(lichess.times("/api/user/ann")).toEqual([0, 600])
      expect(lichess.times("/api/user/bob")).toEqual([0, 600])
      expect(lichess.mostAtOnce).toBe(1)
      const first = rows().filter(({ timestamp }) => timestamp === 0)
      expect(first.filter(({ type }) => type.startsWith("player_")).map(({ tags, type, value }) => [type, tags, value]))
        .toEqual(expect.arrayContaining([
          ["player_online", { player: "ann" }, 1],
          ["player_playing", { player: "ann" }, 1],
          ["player_online", { player: "bob" }, 0],
          ["player_playing", { player: "bob" }, 0],
          ["player_rating", { player: "ann", perf: "blitz" }, 2600],
          ["player_games_total", { player: "ann", perf: "blitz" }, 12],
          ["player_rating", { player: "bob", perf: "rapid" }, 1500]
        ]))
      expect(first).toHaveLength(7)
      expect(first.find(({ type }) => type === "player_rating")?.fields).toEqual({
        about: { name: "Ann", title: "GM" },
        rating: { deviation: 50, progress: 3, provisional: false }
      })
    }))

  it.scoped("that the server does not know are said once and not asked for again", () =>
    Effect.gen(function*() {
      const lichess = new ScriptedLichess(answering)
      const { logged } = yield* following({ users: ["ann", "nobody"], url }, lichess.layer)
      yield* pass(1300)
      expect(lichess.times("/api/user/nobody")).toEqual([0])
      expect(lichess.times("/api/user/ann")).toEqual([0, 600, 1200])
      expect(lichess.times("/api/users/status?ids=ann").length).toBeGreaterThan(40)
      expect(logged.filter((text) => text.includes("no player \"nobody\""))).toHaveLength(1)
    }))

  it.scoped("end the generator with the reason when the server knows none of them", () =>
    Effect.gen(function*() {
      const lichess = new ScriptedLichess(answering)
      const { ended } = yield* following({ users: ["nobody"], url }, lichess.layer)
      yield* pass(5)
      expect(yield* ended).toMatchObject({
        cause: { error: { _tag: "GeneratorError", message: `${url}: there is no player "nobody"` } }
      })
    }))

  it.scoped("are left out while the server is in trouble, which is said once", () =>
    Effect.gen(function*() {
      const lichess = new ScriptedLichess((path, nth) =>
        path === "/api/users/status" && nth < 3 ? { status: 500 } : answering(path)
      )
      const { logged, ofType } = yield* following({ users: ["ann"], url }, lichess.layer)
      yield* pass(100)
      expect(ofType("player_online")).toHaveLength(1)
      expect(logged.filter((text) => text.includes("status 500"))).toHaveLength(1)
    }))
})
