import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as assert from "node:assert/strict"
import * as fs from "node:fs"
import * as path from "node:path"
import { foreignServer } from "../sender/ForeignServer.js"
import { directory, run, serve } from "./Program.js"
import { refusableProxy } from "./RefusableProxy.js"

/** What each step came to, as `{name: [verdict, what it says]}`; advice is joined to it. */
const stepsOf = (stdout: string): { readonly [name: string]: readonly [verdict: string, says: string] } => {
  const steps: Record<string, [string, string]> = {}
  let last = ""
  for (const line of stdout.split("\n")) {
    const [, verdict, name, says] = /^ {2}(ok|warn|FAIL|--) +(\S+) +(.*)$/.exec(line) ?? []
    const [, advice] = /^ +→ (.*)$/.exec(line) ?? []
    if (name !== undefined) {
      steps[name] = [verdict, says]
      last = name
    } else if (advice !== undefined) steps[last][1] += ` → ${advice}`
  }
  return steps
}

const verdicts = (stdout: string) =>
  Object.fromEntries(Object.entries(stepsOf(stdout)).map(([name, [verdict]]) => [name, verdict]))

const allWell = {
  config: "ok",
  data: "ok",
  disk: "ok",
  outbox: "ok",
  system: "ok",
  server: "ok",
  access: "ok",
  clock: "ok",
  socket: "ok",
  http: "ok"
}

describe("check", () => {
  it.scopedLive("tries configuration, disk, sources, server, token, clock and both ways, and leaves no trace", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port, url } = yield* serve(cwd, 0, ["--token", "secret"])
      fs.writeFileSync(
        path.join(cwd, "metrics-collector.json"),
        JSON.stringify({ "data-dir": path.join(cwd, "agent") })
      )
      const env = { METRICS_TOKEN: "secret" }
      const endpoint = ["--endpoint", `ws://127.0.0.1:${port}/ws/metrics`]
      const well = yield* run(["check", ...endpoint], { cwd, env })
      assert.equal(well.code, 0, well.stdout + well.stderr)
      assert.deepEqual(verdicts(well.stdout), { ...allWell, disk: verdicts(well.stdout)["disk"] })
      assert.match(stepsOf(well.stdout)["config"][1], /METRICS_TOKEN, .*metrics-collector\.json/)
      assert.match(stepsOf(well.stdout)["data"][1], /agent can be written/)
      assert.deepEqual(fs.readdirSync(path.join(cwd, "agent")), [])
      const status = yield* Effect.promise(() =>
        fetch(`${url}/api/status`, { headers: { authorization: "Bearer secret" } }).then((answer) => answer.text())
      )
      assert.match(status, /"streams":\[\]/)

      const locked = yield* run(["check", ...endpoint, "--token", "other"], { cwd, env })
      assert.equal(locked.code, 1)
      assert.deepEqual(verdicts(locked.stdout), {
        ...verdicts(well.stdout),
        access: "FAIL",
        clock: "--",
        socket: "FAIL",
        http: "FAIL"
      })
      for (const name of ["access", "socket", "http"]) assert.match(stepsOf(locked.stdout)[name][1], /--token/)
      assert.match(locked.stderr, /3 of 10 checks failed: access, socket, http/)
    }))

  it.scopedLive("tells which of the two ways is closed, and what to do", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port } = yield* serve(cwd)
      const proxy = yield* refusableProxy
      yield* proxy.forwardTo(port)
      yield* proxy.refuseUpgrades(true)
      const endpoint = `ws://127.0.0.1:${proxy.port}/ws/metrics`
      const noSocket = yield* run(["check", "--endpoint", endpoint], { cwd })
      assert.equal(noSocket.code, 1)
      assert.deepEqual([verdicts(noSocket.stdout)["socket"], verdicts(noSocket.stdout)["http"]], ["FAIL", "ok"])
      assert.match(stepsOf(noSocket.stdout)["socket"][1], /→ .*pass WebSockets/)

      yield* proxy.refuseUpgrades(false)
      const elsewhere = ["--http-endpoint", "http://127.0.0.1:9/api/metrics"]
      const noHttp = yield* run(["check", "--endpoint", endpoint, ...elsewhere], { cwd })
      assert.deepEqual([verdicts(noHttp.stdout)["socket"], verdicts(noHttp.stdout)["http"]], ["ok", "FAIL"])
      assert.match(stepsOf(noHttp.stdout)["http"][1], /ECONNREFUSED.* → .*--http-endpoint/)
    }))

  it.scopedLive("goes on where the data directory cannot be used, a source gives nothing, and nobody answers", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      fs.writeFileSync(path.join(cwd, "file"), "")
      const bad = yield* run(
        ["check", "--endpoint", "ws://127.0.0.1:9/ws/metrics", "--data-dir", path.join(cwd, "file", "below")],
        { cwd }
      )
      assert.equal(bad.code, 1)
      assert.deepEqual(verdicts(bad.stdout), {
        config: "ok",
        data: "FAIL",
        disk: "--",
        outbox: "--",
        system: "ok",
        server: "FAIL",
        access: "--",
        clock: "--",
        socket: "FAIL",
        http: "FAIL"
      })
      assert.match(stepsOf(bad.stdout)["data"][1], /name another data directory/)
      assert.match(stepsOf(bad.stdout)["server"][1], /Start one with: metrics-collector serve/)
    }))

  it.scopedLive("tells what stands in the outbox", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const dataDir = path.join(cwd, "agent")
      const endpoint = ["--endpoint", "ws://127.0.0.1:9/ws/metrics", "--data-dir", dataDir]
      yield* run(["send", "a", "b", "1", "--timeout", "1s", ...endpoint], { cwd })
      const { stdout } = yield* run(["check", ...endpoint], { cwd })
      assert.deepEqual(stepsOf(stdout)["outbox"], ["ok", "1 metrics wait, 0 dead letters"])
    }))

  it.scopedLive("--plain tries both ways of a server of another kind without sending it a metric", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const server = yield* foreignServer
      const words = ["check", "--plain", "--endpoint", `http://127.0.0.1:${server.port}/in`]
      const well = yield* run(words, { cwd })
      assert.equal(well.code, 0, well.stdout + well.stderr)
      assert.deepEqual([verdicts(well.stdout)["socket"], verdicts(well.stdout)["http"]], ["ok", "ok"])
      assert.equal(verdicts(well.stdout)["server"], undefined)
      server.post = () => ({ status: 400 })
      assert.equal(verdicts((yield* run(words, { cwd })).stdout)["http"], "warn")
      server.post = () => ({ status: 404 })
      server.opens = false
      const bad = yield* run(words, { cwd })
      assert.equal(bad.code, 1)
      assert.deepEqual([verdicts(bad.stdout)["socket"], verdicts(bad.stdout)["http"]], ["FAIL", "FAIL"])
      assert.deepEqual(server.values, [])
    }))
})
