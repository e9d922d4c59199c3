/**
 * This package beside others that watch a host, that a program measures itself
 * with, or that take metrics over a network: on this host, at the same
 * interval, for the same time, one after another.
 *
 *     npm run bench:peers -- [--seconds 60] [--only NAME]... [--modules DIR] [--results FILE] [--write]
 *
 * `--help` says the rest.
 */
import { Effect, Either } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { provenance, writeSection } from "./BenchmarksPage.js"
import { bundle } from "./Bundle.js"
import { agents } from "./peers/Agents.js"
import { ingests } from "./peers/Ingests.js"
import { libraries } from "./peers/Libraries.js"
import { type Bench, type Part, programs } from "./peers/Peer.js"
import { peersSection } from "./peers/PeersPage.js"
import { ResultsFile } from "./ResultsFile.js"
import { wrapProse } from "./wrapProse.js"

const { values } = parseArgs({
  options: {
    help: { type: "boolean", default: false },
    modules: { type: "string", default: "." },
    only: { type: "string", multiple: true, default: [] },
    results: { type: "string" },
    seconds: { type: "string", default: "60" },
    write: { type: "boolean", default: false }
  }
})

const parts: ReadonlyArray<Part> = [...agents, ...libraries, ...ingests]

if (values.help) {
  console.log(
    `Measures this package beside its peers (Linux). Nothing is installed: what is not there is skipped, and said.

  --seconds N      how long each agent is watched, after 10 s for its start (default 60); this package also after 10 min
  --only NAME      only this part; repeatable: ${parts.map(({ name }) => name).join(", ")}
  --modules DIR    folder whose node_modules holds peers from npm (default: this one)
  --results FILE   keeps what was measured in a file, and reads what it holds: parts can be measured one at a time
  --write          puts the tables into docs/benchmarks.md

Peers, where they may come from:

  apt-get install --no-install-recommends collectd-core prometheus-node-exporter netdata-core
  mkdir peers && cd peers && npm install statsd hot-shots prom-client @opentelemetry/api @opentelemetry/sdk-metrics \\
    @opentelemetry/exporter-metrics-otlp-http @opentelemetry/exporter-metrics-otlp-proto
  otelcol on the PATH, for a receiver of OTLP

Whoever installs daemons should see that they are not running already.`
  )
  process.exit()
}

const seconds = Number(values.seconds)
if (!(Number.isInteger(seconds) && seconds >= 5)) throw new Error("--seconds: expected a whole number from 5 on")
const unknown = values.only.filter((name) => !parts.some((part) => part.name === name))
if (unknown.length > 0) {
  throw new Error(`--only ${unknown.join(", ")}: expected ${parts.map(({ name }) => name).join(", ")}`)
}
const root = fileURLToPath(new URL("..", import.meta.url))
const dist = path.join(root, "dist")
if (!fs.existsSync(path.join(dist, "bin.js"))) throw new Error("there is no build to run: npm run build:bundles")

const measuredBy = provenance(`npm run bench:peers -- --seconds ${seconds}`)
const results = new ResultsFile(values.results)
const files = await bundle(programs)

const temporary = (prefix: string) =>
  Effect.acquireRelease(
    Effect.sync(() => fs.mkdtempSync(prefix)),
    (made) => Effect.sync(() => fs.rmSync(made, { recursive: true, force: true }))
  )

/** Measures all parts that are asked for; answers what was skipped, by part. */
const measureAll = Effect.gen(function*() {
  // A copy, so that a build meanwhile changes nothing of it; within the package, where its manifest is looked for.
  const copy = yield* temporary(path.join(root, "node_modules/.cache/bench-peers-"))
  fs.cpSync(dist, path.join(copy, "dist"), { recursive: true, filter: (file) => file !== path.join(dist, "lib") })
  const bench: Bench = {
    seconds,
    modules: values.modules,
    executable: path.join(copy, "dist/bin.js"),
    folder: temporary(path.join(os.tmpdir(), "bench-peers-")),
    program: (name) => files[programs.indexOf(name)]
  }
  const skipped = new Map<string, string>()
  for (const part of parts) {
    if (values.only.length > 0 && !values.only.includes(part.name)) continue
    process.stderr.write(`${part.name}: ${part.title}\n`)
    const outcome = yield* Effect.either(Effect.scoped(part.measure(bench)))
    if (Either.isLeft(outcome)) {
      const { _tag, message } = outcome.left
      process.stderr.write(`  skipped: ${message}\n`)
      skipped.set(part.name, _tag === "PeerMissing" ? message : `it could not be measured: ${message}`)
    } else {
      results.set(part.name, { provenance: measuredBy, ...outcome.right })
      process.stderr.write(`  ${JSON.stringify(outcome.right)}\n`)
    }
  }
  return skipped
})

const skipped = await Effect.runPromise(Effect.scoped(measureAll))
const section = wrapProse(peersSection({ agents, ingests, libraries, results, skipped }))
process.stdout.write(`\n${section}`)
if (values.write) writeSection("bench:peers", section)
