import Sqlite from "better-sqlite3"
import { Data, Effect, Random } from "effect"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { MetricStore } from "../src/store/MetricStore.js"
import { SqliteMetricStore } from "../src/store/SqliteMetricStore.js"
import type { StoreStep } from "../src/store/StoreFaults.js"

// Kills a process that writes into a store, again and again, at every step of its
// work and at any moment, and looks each time whether all that was acknowledged
// is there once: `vite-node scripts/kill-store.ts [rounds]`, 100 unless said.

class LostError extends Data.TaggedError("LostError")<{ readonly message: string }> {}

const steps: ReadonlyArray<StoreStep> = ["append", "committed", "flush", "trim", "replay"]

/** `undefined`: whenever so many batches were acknowledged. */
const moments: ReadonlyArray<StoreStep | undefined> = [...steps, undefined]

const viteNode = fileURLToPath(new URL("../node_modules/vite-node/vite-node.mjs", import.meta.url))
const child = fileURLToPath(new URL("../test/store/IngestChild.ts", import.meta.url))

const stream = "killed"

/** Runs the child until it dies; answers the last `next` that it was told. */
const ingest = (dataDir: string, words: ReadonlyArray<string>, lines: number): Effect.Effect<number | undefined> =>
  Effect.async((resume) => {
    const running = spawn(process.execPath, [viteNode, child, dataDir, stream, ...words], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    let printed = ""
    running.stdout.on("data", (data) => {
      printed += String(data)
      if (printed.split("\n").length > lines) running.kill("SIGKILL")
    })
    running.on("close", () => {
      const told = printed.split("\n")
      resume(Effect.succeed(told.length > 1 ? Number(told[told.length - 2]) : undefined))
    })
    return Effect.sync(() => running.kill("SIGKILL"))
  })

/** Fails unless the store holds the points 0 to `next` − 1, each once; answers `next`. */
const verify = (dataDir: string, acknowledged: number): Effect.Effect<number, unknown> =>
  Effect.gen(function*() {
    const store = yield* MetricStore
    const writer = { stream, sender: "check", owner: "", acked: 0 }
    const [{ next }] = yield* store.openStreams([writer], () => true)
    if (next < acknowledged) {
      return yield* new LostError({ message: `${acknowledged} were acknowledged, the store has ${next}` })
    }
    const all = { from: 0, to: 4e12, limit: 10_000_000 }
    const { series } = yield* store.query(all)
    const values = series.flatMap(({ value }) => value).sort((a, b) => a - b)
    for (let i = 0; i < Math.max(values.length, next); i++) {
      if (values[i] !== i) {
        return yield* new LostError({
          message: `point ${i} of ${next}: the store has ${String(values[i])} in its place`
        })
      }
    }
    // By hours rollups answer for what they hold: they must say the same.
    const hours = yield* store.query({ ...all, buckets: { step: 3_600_000, aggregate: "sum", by: [] } })
    const sum = hours.series.reduce((total, { value }) => total + value.reduce((one, other) => one + other, 0), 0)
    if (sum !== next * (next - 1) / 2) {
      return yield* new LostError({ message: `by hours the ${next} points add up to ${sum}` })
    }
    const db = new Sqlite(path.join(dataDir, "store.db"), { readonly: true })
    const integrity = String(db.pragma("integrity_check", { simple: true }))
    db.close()
    return integrity === "ok" ? next : yield* new LostError({ message: `integrity_check: ${integrity}` })
  }).pipe(Effect.provide(SqliteMetricStore.layer({ dataDir })))

const main = Effect.gen(function*() {
  const rounds = Number(process.argv[2] ?? 100)
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "metrics-kill-"))
  let kept = 0
  for (let round = 1; round <= rounds; round++) {
    const step = moments[round % moments.length]
    const count = yield* Random.nextIntBetween(1, 60)
    const words = step === undefined ? [] : [step, String(step === "replay" ? 1 : count)]
    const told = yield* ingest(dataDir, words, count)
    kept = yield* verify(dataDir, told ?? kept)
    console.log(
      `${round}/${rounds}: killed at ${step ?? `line ${count}`}, ${told ?? 0} told, ${kept} points kept, each once`
    )
  }
  fs.rmSync(dataDir, { recursive: true })
})

Effect.runPromise(main).catch((error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
