import { describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as assert from "node:assert/strict"
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as http from "node:http"
import * as path from "node:path"
import { directory, executable, run, serve, start } from "./Program.js"

const secret = "correct-horse-battery-staple"

const statusOf = (url: string, token: string): Effect.Effect<string> =>
  Effect.promise(() =>
    fetch(`${url}/api/status`, { headers: { authorization: `Bearer ${token}` } })
      .then((response) => response.text().then((text) => `${response.status} ${text}`))
  )

describe("a token", () => {
  it.scopedLive("shows in no log line, no answer and no message, at any level and in any form", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      for (const format of ["logfmt", "json", "pretty"]) {
        const home = path.join(cwd, format)
        fs.mkdirSync(home)
        const words = ["--token", secret, "--log-format", format, "--log-level", "all"]
        const program = yield* start(["serve", "--port", "0", "--data-dir", path.join(home, "server"), ...words], {
          cwd: home
        })
        const url = yield* program.says(/listening on (http:\/\/[\w.:]+)/)
        assert.match(yield* statusOf(url, secret), /^200/)
        const refused = yield* statusOf(url, `${secret}-wrong`)
        assert.match(refused, /^401/)
        const send = ["send", "a", "b", "1", "--endpoint", url, "--log-level", "all", "--timeout", "5s", "--token"]
        const sent = yield* run([...send, secret], { cwd })
        assert.equal(sent.code, 0, sent.stderr)
        const denied = yield* run([...send, `${secret}-wrong`], { cwd })
        assert.equal(denied.code, 1)
        yield* program.says(/wrong-token/)
        yield* program.kill("SIGTERM")
        const ended = yield* program.ended
        const all = [refused, sent.stdout, sent.stderr, denied.stdout, denied.stderr, ended.stdout, ended.stderr].join()
        assert.doesNotMatch(all, /correct-horse/)
      }
    }))

  it.scopedLive.skipIf(!fs.existsSync("/proc/self/cmdline"))(
    "does not stand in the process list once it runs",
    () =>
      Effect.gen(function*() {
        const cwd = yield* directory
        const { program, url } = yield* serve(cwd, 0, ["--token", secret])
        const commandLine = fs.readFileSync(`/proc/${program.pid}/cmdline`, "utf8")
        assert.match(commandLine, /^metrics-collector/)
        assert.doesNotMatch(commandLine, /correct-horse/)
        assert.match(yield* statusOf(url, secret), /^200/)
      })
  )

  it.scopedLive("of a file is taken without its line break, and a file that is not there is named", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const file = path.join(cwd, "token")
      fs.writeFileSync(file, `${secret}\n`, { mode: 0o600 })
      const { url } = yield* serve(cwd, 0, ["--token-file", file])
      assert.match(yield* statusOf(url, secret), /^200/)
      const ended = yield* run(["serve", "--port", "0", "--token-file", path.join(cwd, "none")], { cwd })
      assert.equal(ended.code, 2)
      assert.match(ended.stderr, /--token-file .*none/)
    }))
})

const nobody = ["--endpoint", "ws://127.0.0.1:1/ws/metrics"]

/** Every command that keeps data refuses the folder, says why, and leaves nothing in it. */
const refusedByAll = (cwd: string, dataDir: string, why: RegExp) =>
  Effect.gen(function*() {
    for (
      const words of [
        ["serve", "--port", "0"],
        ["up", "--port", "0"],
        ["run", "--stdin", ...nobody],
        ["send", "a", "b", "1", ...nobody]
      ]
    ) {
      const ended = yield* run([...words, "--data-dir", dataDir], { cwd })
      assert.equal(ended.code, 1, `${words.join(" ")}: ${ended.stderr}`)
      assert.match(ended.stderr, why)
      assert.deepEqual(fs.readdirSync(dataDir), [])
    }
  })

describe("the data directory", () => {
  it.scopedLive("that everybody may write to is refused by whoever would keep data there", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const dataDir = path.join(cwd, "open")
      fs.mkdirSync(dataDir)
      fs.chmodSync(dataDir, 0o777)
      yield* refusedByAll(cwd, dataDir, /open is open to other users.*chmod 700.*mode 0777/)
    }))

  it.scopedLive("and all in it is its owner's alone, though the umask would give it to everybody", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const dataDir = path.join(cwd, "new")
      const words = ["send", "a", "b", "1", "--endpoint", "ws://127.0.0.1:1/ws/metrics", "--timeout", "1s"]
      yield* Effect.async<void>((resume) => {
        execFile(
          "sh",
          ["-c", "umask 0; exec \"$0\" \"$@\"", process.execPath, executable, ...words, "--data-dir", dataDir],
          { env: { PATH: process.env["PATH"], HOME: cwd } },
          () => resume(Effect.void)
        )
      })
      assert.equal(fs.statSync(dataDir).mode & 0o777, 0o700)
      const names = fs.readdirSync(dataDir)
      assert.ok(names.includes("outbox.db"), names.join())
      for (const name of names) assert.equal(fs.statSync(path.join(dataDir, name)).mode & 0o777, 0o600, name)
    }))
})

describe("a data directory that is a link", () => {
  it.scopedLive("of one's own is followed: files and lock lie where it leads, and so do the rights that count", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const [real, link] = [path.join(cwd, "real"), path.join(cwd, "link")]
      fs.mkdirSync(real, { mode: 0o700 })
      fs.symlinkSync("real", link)
      const first = yield* start(["serve", "--port", "0", "--data-dir", link], { cwd })
      yield* first.says(/listening on/)
      const second = yield* run(["serve", "--port", "0", "--data-dir", real], { cwd })
      assert.equal(second.code, 1)
      assert.match(second.stderr, /store\.db is in use by another process/)
      yield* first.kill("SIGTERM")
      yield* first.ended
      for (const name of fs.readdirSync(real)) assert.equal(fs.statSync(path.join(real, name)).mode & 0o777, 0o600)
      assert.ok(fs.readdirSync(real).includes("store.db"))
      assert.ok(fs.lstatSync(link).isSymbolicLink())
      fs.chmodSync(real, 0o777)
      const sent = yield* run(["send", "a", "b", "1", ...nobody, "--data-dir", link], { cwd })
      assert.equal(sent.code, 1)
      assert.match(sent.stderr, /link is open to other users.*mode 0777/)
    }))

  it.scopedLive("to nowhere, or to itself, is named, and nothing is made", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      for (const [name, target] of [["dangling", "missing"], ["loop", "loop"]] as const) {
        fs.symlinkSync(target, path.join(cwd, name))
        const ended = yield* run(["serve", "--port", "0", "--data-dir", path.join(cwd, name)], { cwd })
        assert.equal(ended.code, 1, ended.stderr)
        assert.match(ended.stderr, new RegExp(`${name} cannot be used: .*name another data directory`))
        assert.doesNotMatch(ended.stderr, /\n\s+at /)
      }
      assert.deepEqual(fs.readdirSync(cwd).sort(), ["dangling", "loop"])
    }))

  // Only the administrator can give a link away.
  it.scopedLive.skipIf(process.getuid?.() !== 0)(
    "of another user is refused by whoever would keep data there",
    () =>
      Effect.gen(function*() {
        const cwd = yield* directory
        const [real, link] = [path.join(cwd, "real"), path.join(cwd, "link")]
        fs.mkdirSync(real, { mode: 0o700 })
        fs.symlinkSync("real", link)
        fs.lchownSync(link, 12_345, 12_345)
        yield* refusedByAll(cwd, link, /link is open to other users.*it is a link that the user 12345 made/)
      })
  )
})

const harmful = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/

describe("names that would steer a terminal", () => {
  const name = "\u001b[2Jcpu\nforged\u009b31m\u202e"

  it.scopedLive("are harmless in query, top, outbox and their JSON, and in CSV no formula", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const dataDir = path.join(cwd, "agent")
      const { url } = yield* serve(cwd)
      const metric = { origin: "=1+1", metric_type: name, value: 1, metadata: { [name]: name, n: { x: name } } }
      const line = `${JSON.stringify(metric)}\n`
      const sent = yield* run(["send", "--stdin", "--endpoint", url], { cwd }, line)
      assert.equal(sent.code, 0, sent.stderr)
      const nobody = "ws://127.0.0.1:1/ws/metrics"
      yield* run(["send", "--stdin", "--endpoint", nobody, "--timeout", "1s", "--data-dir", dataDir], { cwd }, line)
      const shown: ReadonlyArray<ReadonlyArray<string>> = [
        ["query", name, "--server", url],
        ["query", name, "--server", url, "--format", "json"],
        ["top", "--server", url],
        ["outbox", "status", "--data-dir", dataDir],
        ["outbox", "export", "--data-dir", dataDir]
      ]
      for (const words of shown) {
        const ended = yield* run([...words], { cwd })
        assert.equal(ended.code, 0, `${words.join(" ")}: ${ended.stderr}`)
        assert.doesNotMatch(ended.stdout + ended.stderr, harmful, words.join(" "))
      }
      const csv = yield* run(["query", name, "--server", url, "--format", "csv"], { cwd })
      assert.match(csv.stdout, /,'=1\+1,/)
    }))

  it.scopedLive("cannot forge a log line, in any form", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      for (const format of ["logfmt", "json", "pretty"]) {
        const program = yield* start(["run", "--stdin", "--stdout", "--log-format", format], { cwd })
        const badValue = `{"origin":"a","metric_type":${JSON.stringify(name)},"value":"none"}`
        yield* program.write(`${badValue}\n{"${name.replace("\n", " ")}\n`)
        yield* program.endInput
        const { stderr } = yield* program.ended
        assert.match(stderr, /line 2 is left out/)
        assert.doesNotMatch(stderr, harmful, format)
        assert.doesNotMatch(stderr, /^\s*forged/m)
      }
    }))
})

describe("a pattern that takes for ever", () => {
  it.scopedLive("is refused and named, and meanwhile the server takes in and answers", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { program, url } = yield* serve(cwd)
      const host = `host=${"a".repeat(60)}!`
      const sent = yield* run(["send", "app", "m", "1", "--metadata", host, "--endpoint", url], { cwd })
      assert.equal(sent.code, 0, sent.stderr)
      const pattern = encodeURIComponent("(a+)+b")
      const slow = yield* Effect.fork(Effect.promise(() =>
        fetch(`${url}/api/query?metric_type=m&tag-match.host=${pattern}`)
          .then((response) => response.text().then((text) => `${response.status} ${text}`))
      ))
      const meanwhile = yield* run(["send", "app", "m", "2", "--endpoint", url], { cwd })
      assert.equal(meanwhile.code, 0, meanwhile.stderr)
      assert.match(yield* Fiber.join(slow), /^400 .*host/)
      yield* program.says(/took too long.*incident=slow-query/)
      assert.match(yield* statusOf(url, ""), /^200/)
    }))
})

describe("a path that leads out of the dashboard", () => {
  it.scopedLive("is not found, and told in the log", () =>
    Effect.gen(function*() {
      const { program, url } = yield* serve(yield* directory)
      const status = yield* Effect.async<number>((resume) => {
        // No client would send it as it stands, but for this one.
        http.get(url, { path: "/..%2f..%2fpackage.json" }, (response) => {
          response.resume()
          resume(Effect.succeed(response.statusCode ?? 0))
        })
      })
      assert.equal(status, 404)
      yield* program.says(/folder was asked for.*incident=odd-path/)
    }))
})

describe("options of the doors", () => {
  it.scopedLive("a limit of connections and allowed origins are taken, and wrong ones named", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { url } = yield* serve(cwd, 0, ["--allow-origin", "https://dash.example.com", "--max-connections", "50"])
      const origin = "https://dash.example.com"
      const answer = yield* Effect.promise(() => fetch(`${url}/api/latest`, { headers: { origin } }))
      assert.equal(answer.headers.get("access-control-allow-origin"), origin)
      for (
        const [words, message] of [
          [["--allow-origin", "dash.example.com"], /--allow-origin: "dash\.example\.com" is no origin/],
          [["--max-connections", "0"], /maxConnections: expected a whole number above 0/]
        ] as const
      ) {
        const ended = yield* run(["serve", "--port", "0", "--data-dir", path.join(cwd, "other"), ...words], { cwd })
        assert.notEqual(ended.code, 0)
        assert.match(ended.stderr, message)
      }
    }))
})
