import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Schema } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { outboxMigrations } from "../../src/sender/outbox/OutboxSchema.js"
import { OUTBOX_FILE } from "../../src/sender/SqliteOutbox.js"
import { storeMigrations } from "../../src/store/StoreSchema.js"
import { ask, directory, eventually, executable, ProgramError, QueryAnswer } from "../e2e/Program.js"
import { atMost } from "./atMost.js"
import { observe, type Report } from "./ObservedProgram.js"
import { readWriteAheadLog } from "./WriteAheadLog.js"

const dist = path.dirname(executable)

/** What a part of the program is known by wherever it stands in the bundles. */
const parts: { readonly [part: string]: string } = {
  "client of HTTP (undici)": "UND_ERR_SOCKET",
  "page of the API (Swagger UI)": "SwaggerUIBundle",
  "store": (/CREATE TABLE rollups/.exec(storeMigrations.join()) ?? [""])[0],
  "outbox": (/CREATE TABLE batches?\b/.exec(outboxMigrations.join()) ?? [""])[0],
  "chess": "lichess.org"
}

const read = (file: string): string => fs.readFileSync(file, "utf8")

/** The files of the program that were loaded, and the packages beside it. */
const loaded = ({ scripts }: Report) => {
  const files = scripts.map((url) => fileURLToPath(url))
  const bundles = files.filter((file) => file.startsWith(dist + path.sep))
  const texts = bundles.map(read)
  const packages = files.flatMap((file) => file.split(`node_modules${path.sep}`)[1]?.split(path.sep)[0] ?? [])
  return {
    kilobytes: Math.round(texts.reduce((bytes, text) => bytes + Buffer.byteLength(text), 0) / 1_000),
    packages: Array.from(new Set(packages)).sort(),
    parts: Object.keys(parts).filter((part) => texts.some((text) => text.includes(parts[part])))
  }
}

const addon = ["better-sqlite3", "bindings", "file-uri-to-path"]

const serving = (cwd: string, name: string) =>
  Effect.gen(function*() {
    const server = yield* observe(["serve", "--port", "0", "--data-dir", path.join(cwd, name)], cwd)
    const url = yield* server.says(/listening on (http:\/\/[\w.:[\]]+)/)
    return { ...server, url, endpoint: `${url.replace("http", "ws")}/ws/metrics` }
  })

/** How many points of a series are stored, once there are more than so many. */
const ticksAfter = (url: string, count: number): Effect.Effect<number, ProgramError> =>
  eventually(Effect.flatMap(ask(`${url}/api/query?metric_type=uptime_seconds`, QueryAnswer), ({ series }) => {
    const ticks = series.reduce((sum, { points }) => sum + points.length, 0)
    return ticks > count ? Effect.succeed(ticks) : Effect.fail(new ProgramError({ message: `${ticks} ticks` }))
  }))

describe("the observer", () => {
  it.scopedLive("sees every process and thread that is started, and what is loaded", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const script = path.join(cwd, "busy.mjs")
      fs.writeFileSync(
        script,
        `import { execFileSync, spawn, spawnSync } from "node:child_process"
         import { Worker } from "node:worker_threads"
         spawnSync(process.execPath, ["--version"])
         execFileSync(process.execPath, ["--version"])
         spawn(process.execPath, ["--version"])
         new Worker("", { eval: true })`
      )
      const program = yield* observe([], cwd, script)
      const { processes, scripts, threads } = yield* program.lastReport
      expect({ processes, threads }).toEqual({ processes: 3, threads: 1 })
      expect(scripts.map((url) => path.basename(url))).toContain("busy.mjs")
    }))

  it("knows each part of the program by a text that the bundles hold", () => {
    const texts = fs.readdirSync(path.join(dist, "chunks")).map((name) => read(path.join(dist, "chunks", name)))
    for (const [part, text] of Object.entries(parts)) {
      expect(text, part).not.toBe("")
      expect(texts.some((bundle) => bundle.includes(text)), part).toBe(true)
    }
  })
})

describe("what a program loads and starts", () => {
  it.scopedLive("--version loads a part of the executable, and nothing that it does not need", () =>
    Effect.gen(function*() {
      const report = yield* (yield* observe(["--version"], yield* directory)).lastReport
      const { kilobytes, packages, parts } = loaded(report)
      expect({ packages, parts }).toEqual({ packages: [], parts: [] })
      atMost("kB of JavaScript for --version", kilobytes, 690)
      expect({ processes: report.processes, threads: report.threads }).toEqual({ processes: 0, threads: 0 })
    }))

  it.scopedLive(
    "a collector of this host starts no process and no thread, and takes two commits and a frame a tick",
    () =>
      Effect.gen(function*() {
        const cwd = yield* directory
        const { endpoint, report: serverReport, url } = yield* serving(cwd, "server")
        const atStart = loaded(yield* serverReport)
        expect(atStart.packages).toEqual(addon)
        expect(atStart.parts).not.toContain("outbox")
        atMost("kB of JavaScript for serve", atStart.kilobytes, 1_700)

        const dataDir = path.join(cwd, "agent")
        const words = ["run", "--system", "--no-self-metrics", "--endpoint", endpoint, "--data-dir", dataDir]
        const agent = yield* observe(words, cwd)
        const countedAfter = (least: number) =>
          Effect.gen(function*() {
            const ticks = yield* ticksAfter(url, least)
            const outbox = readWriteAheadLog(path.join(dataDir, OUTBOX_FILE))
            const store = readWriteAheadLog(path.join(cwd, "server", "store.db"))
            return {
              ticks,
              outbox,
              store,
              losses: (yield* ask(`${url}/api/losses`, Schema.Array(Schema.Unknown))).length
            }
          })
        const before = yield* countedAfter(1)
        const after = yield* countedAfter(before.ticks + 5)
        expect([after.outbox.salt, after.store.salt]).toEqual([before.outbox.salt, before.store.salt])
        const ticks = after.ticks - before.ticks
        // Ticks that a busy machine let pass are told.
        const told = ticks + after.losses - before.losses
        // The tick that is on its way at either end.
        atMost(`commits of the outbox for ${ticks} ticks`, after.outbox.commits - before.outbox.commits, 2 * told + 3)
        atMost(`commits of the store for ${ticks} ticks`, after.store.commits - before.store.commits, told + 2)

        const report = yield* agent.report
        const { kilobytes, packages, parts } = loaded(report)
        expect(packages).toEqual(addon)
        for (const part of ["client of HTTP (undici)", "page of the API (Swagger UI)", "store"]) {
          expect(parts).not.toContain(part)
        }
        atMost("kB of JavaScript for run --system", kilobytes, 1_060)
        expect({ processes: report.processes, threads: report.threads }).toEqual({ processes: 0, threads: 0 })
        yield* agent.kill("SIGTERM")
        const last = yield* agent.lastReport
        expect({ processes: last.processes, threads: last.threads }).toEqual({ processes: 0, threads: 0 })
      })
  )

  it.scopedLive(
    "a collector with nothing to collect, and its server, sleep but for a sign of life",
    () =>
      Effect.gen(function*() {
        const cwd = yield* directory
        const alone = yield* serving(cwd, "alone")
        const server = yield* serving(cwd, "server")
        const words = ["run", "--stdin", "--no-self-metrics", "--endpoint", server.endpoint, "--data-dir", "idle"]
        const collector = yield* observe(words, cwd)
        yield* collector.write(`{"origin":"test","metric_type":"one","value":1}\n`)
        yield* ask(`${server.url}/api/query?metric_type=one`, QueryAnswer).pipe(
          Effect.filterOrFail(({ series }) => series.length > 0, () => new ProgramError({ message: "not yet stored" })),
          eventually
        )

        const wakes = Effect.forEach(
          [alone, server, collector],
          ({ report }) => Effect.map(report, ({ wakes }) => wakes)
        )
        const [took, [before, after]] = yield* Effect.timed(
          Effect.all([wakes, Effect.zipRight(Effect.sleep("10 seconds"), wakes)])
        )
        // As many more as it took longer: a busy machine lets one wait.
        const [ofAlone, ofServer, ofCollector] = after.map((count, i) =>
          (count - before[i]) * 10_000 / Math.max(10_000, Duration.toMillis(took))
        )
        atMost("wakes of a server with no sender in 10 s", ofAlone, 6)
        atMost("wakes of a server with one idle collector in 10 s", ofServer, 12)
        atMost("wakes of an idle collector in 10 s", ofCollector, 12)
      })
  )
})
