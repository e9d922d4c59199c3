import { FileSystem, Path } from "@effect/platform"
import { Chunk, Effect, Option, Stream } from "effect"
import * as fs from "node:fs/promises"
import { formatSize } from "../../domain/Units.js"
import type { MetricsGenerator } from "../../generators/MetricsGenerator.js"
import { openOutboxFile } from "../../sender/outbox/OutboxFile.js"
import { DEFAULT_OUTBOX_BYTES, OUTBOX_FILE } from "../../sender/SqliteOutbox.js"
import { makeDirectory } from "../../sqlite/makeDirectory.js"
import { failure, toFailure } from "../CliFailure.js"
import { configurationSources } from "../options/Configuration.js"
import type { CheckStep, Found } from "./CheckStep.js"

/** How long a generator may take to its first metric. */
const firstMetricWithin = "10 seconds"

// With less than this the outbox cannot even take what comes in an hour.
const leastFree = 16 * 1_048_576

const configuration: CheckStep<FileSystem.FileSystem | Path.Path> = {
  name: "config",
  try: Effect.map(configurationSources, ({ files, variables }) => ({
    says: files.length + variables.length === 0
      ? "from the command line alone: there is no file, and no METRICS_* in the environment"
      : `from the command line, ${[...variables, ...files].join(", ")}`
  }))
}

const writable = (directory: string): Effect.Effect<Found, unknown, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    yield* makeDirectory(directory)
    yield* Effect.scoped(Effect.flatMap(
      files.makeTempFileScoped({ directory, prefix: "check-" }),
      (file) => files.writeFileString(file, path.basename(file))
    ))
    return { says: `${directory} can be written` }
  })

/** What the free space of a disk means for an outbox that takes `used` bytes there now. */
export const judgeSpace = (free: number, used: number): Found => {
  const growth = Math.max(0, DEFAULT_OUTBOX_BYTES - used)
  const says = `${formatSize(free)} are free; the outbox takes ${formatSize(used)}, and at most ${
    formatSize(DEFAULT_OUTBOX_BYTES)
  }`
  return free >= growth ? { says } : {
    says,
    advice: `make room for ${formatSize(growth - free)} more, or move --data-dir: in a long outage the disk would ` +
      "be full before the outbox is, and metrics would wait until there is room"
  }
}

const space = (directory: string): Effect.Effect<Found, unknown, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const { bavail, bsize } = yield* Effect.tryPromise({ try: () => fs.statfs(directory), catch: toFailure })
    const free = bavail * bsize
    let used = 0
    for (const suffix of ["", "-wal"]) {
      const size = Effect.map(files.stat(path.join(directory, OUTBOX_FILE + suffix)), (info) => Number(info.size))
      used += yield* Effect.orElseSucceed(size, () => 0)
    }
    if (free < leastFree) return yield* failure(`only ${formatSize(free)} are free on the disk of ${directory}`)
    return judgeSpace(free, used)
  })

const outbox = (directory: string): Effect.Effect<Found, unknown> =>
  Effect.scoped(Effect.gen(function*() {
    const file = yield* openOutboxFile(directory)
    if (file === undefined) return { says: "none yet; run makes it" }
    const { openedAt, streams } = yield* file.status
    const letters = (yield* file.deadLetters).length
    const pending = streams.reduce((sum, stream) => sum + stream.pending, 0)
    const says = `${pending} metrics wait, ${letters} dead letters` +
      (openedAt === undefined ? "" : "; it is open, by a collector that runs or did not end by itself")
    return letters === 0 ? { says } : {
      says,
      advice: "see metrics-collector outbox dead-letters list: correct the source, then retry or discard them"
    }
  }))

const sample = (generator: MetricsGenerator): Effect.Effect<Found, unknown> =>
  generator.generateMetrics.pipe(
    Stream.chunks,
    Stream.filter(Chunk.isNonEmpty),
    Stream.runHead,
    Effect.timeoutFail({
      duration: firstMetricWithin,
      onTimeout: () => failure(`no metric within ${firstMetricWithin}`)
    }),
    Effect.flatMap(Option.match({
      onNone: () => failure("ended without a metric"),
      onSome: (chunk) => {
        const { metricType, origin, value } = Chunk.unsafeHead(chunk)
        return Effect.succeed({ says: `${chunk.length} metrics, as in ${origin} ${metricType} ${value}` })
      }
    })),
    // What a generator does not catch would end the check.
    Effect.catchAllDefect((defect) => Effect.fail(defect))
  )

/** Steps that try what is on this host: configuration, data directory, its disk, the outbox, a sample of each source. */
export const hostSteps = (
  directory: string,
  generators: ReadonlyArray<MetricsGenerator>
): ReadonlyArray<CheckStep<FileSystem.FileSystem | Path.Path>> => [
  configuration,
  { name: "data", try: writable(directory) },
  {
    name: "disk",
    needs: "data",
    try: space(directory),
    advice: () => "make room, or name a folder on another disk with --data-dir: metrics wait while the disk is full"
  },
  { name: "outbox", needs: "data", try: outbox(directory) },
  ...generators.map((generator) => ({
    name: generator.name,
    try: sample(generator),
    advice: () => "run goes on without it and tries again; put right what is said above, or leave it out"
  }))
]
