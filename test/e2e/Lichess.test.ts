import { describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as assert from "node:assert/strict"
import { type Answer, json, lichessServer, status } from "../generators/lichess/LichessServer.js"
import { ask, directory, eventually, ProgramError, QueryAnswer, run, serve, start } from "./Program.js"

const ann = { id: "ann", name: "Ann", title: "GM", online: true, playing: true }

const ratings = { id: "ann", username: "Ann", perfs: { blitz: { games: 12, rating: 2600 }, storm: { runs: 3 } } }

/** What `/api/latest` answers. */
const Latest = Schema.Array(Schema.Struct({ metric_type: Schema.String, value: Schema.Number }))

describe("run --lichess-user", () => {
  it.scopedLive("brings status and ratings of players to the server, with one request at a time, each asked once", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const lichess = yield* lichessServer
      let waiting = 0
      let mostWaiting = 0
      const slowly = (answer: Answer): Answer => (response, request) => {
        mostWaiting = Math.max(mostWaiting, ++waiting)
        setTimeout(() => {
          waiting--
          answer(response, request)
        }, 50)
      }
      lichess.on("/api/users/status", slowly(json([ann])))
      lichess.on("/api/user/ann", slowly(json(ratings)))
      lichess.on("/api/user/nobody", slowly(status(404)))
      const { url } = yield* serve(cwd)
      const players = ["--lichess-user", "Ann", "--lichess-user", "nobody", "--lichess-user", "ann"]
      const collector = yield* start(
        ["run", "--endpoint", url, ...players, "--lichess-url", lichess.url, "--data-dir", `${cwd}/agent`],
        { cwd }
      )
      yield* eventually(Effect.filterOrFail(
        ask(`${url}/api/latest?origin=game`, Latest),
        (series) => series.some(({ metric_type }) => metric_type === "player_rating"),
        () => new ProgramError({ message: "no rating yet" })
      ))
      yield* collector.says(/there is no player \\?"nobody/)
      yield* eventually(Effect.filterOrFail(
        ask(`${url}/api/query?metric_type=player_online`, QueryAnswer),
        ({ series }) => series.length === 1 && series[0].tags["player"] === "ann" && series[0].points[0]?.[1] === 1,
        () => new ProgramError({ message: "no status yet" })
      ))
      const { series } = yield* ask(`${url}/api/query?metric_type=player_rating`, QueryAnswer)
      assert.deepEqual(series.map(({ points, tags }) => [tags["player"], tags["perf"], points[0]?.[1]]), [
        ["ann", "blitz", 2600]
      ])
      yield* collector.kill("SIGTERM")
      assert.equal((yield* collector.ended).code, 0)
      assert.equal(mostWaiting, 1)
      assert.deepEqual(
        lichess.arrived.map(({ path }) => path).filter((path) => path.startsWith("/api/user/")).sort(),
        ["/api/user/ann", "/api/user/nobody"]
      )
      for (const { headers } of lichess.arrived) {
        assert.match(headers["user-agent"] ?? "", /^metrics-collector/)
        assert.equal(headers.authorization, undefined)
      }
    }))

  it.scopedLive("names a player whom the server does not know, once, and refuses a name that can be nobody's", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const lichess = yield* lichessServer
      const words = ["run", "--stdout", "--lichess-url", lichess.url, "--lichess-user"]
      const unknown = yield* start([...words, "nobody"], { cwd })
      yield* unknown.says(/there is no player \\?"nobody/)
      yield* Effect.sleep("3 seconds")
      yield* unknown.kill("SIGTERM")
      const { code, stderr } = yield* unknown.ended
      assert.equal(code, 0, stderr)
      assert.equal(lichess.arrived.filter(({ path }) => path === "/api/user/nobody").length, 1)
      const impossible = yield* run([...words, "../x"], { cwd })
      assert.equal(impossible.code, 2, impossible.stderr)
      assert.match(impossible.stderr, /"\.\.\/x\\?" cannot be a player/)
    }))
})
