import { Args, Command, Options } from "@effect/cli"
import { HttpClient } from "@effect/platform"
import { Console, type Duration, Effect, Option, Stream } from "effect"
import * as fs from "node:fs"
import * as nodePath from "node:path"
import type { GenericMetric } from "../domain/GenericMetric.js"
import { printable } from "../domain/Printable.js"
import { BatchBuilder, MAX_BATCH_POINTS } from "../sender/batch/BatchBuilder.js"
import { SeriesDictionary } from "../sender/batch/SeriesDictionary.js"
import { type HttpAnswer, postFrame } from "../sender/HttpTransport.js"
import type { DeliveryFailure, DeliveryRefused } from "../sender/SenderErrors.js"
import { authorization } from "../sender/SocketTransport.js"
import { encodeBatch } from "../wire/BatchCodec.js"
import { parseEndpoint } from "../wire/Endpoint.js"
import { httpConnections } from "../wire/HttpConnections.js"
import { type CliFailure, failure, messageOf, misuse } from "./CliFailure.js"
import { type CommandHelp, helpOf } from "./Help.js"
import { caOption, readCa, readToken, serverOption, tokenOptions } from "./options/ConnectionOptions.js"
import { patienceOption, withPatience } from "./options/Patience.js"
import { showProgress } from "./terminal/ShowProgress.js"
import { Terminal } from "./terminal/Terminal.js"
import { type BadRecord, importReader, type ImportRecord } from "./transfer/ImportRecords.js"
import { type ImportSource, importStream, openImportSource } from "./transfer/ImportSource.js"

const arguments_ = { files: Args.text({ name: "FILE" }).pipe(Args.atLeast(1)) }

const options = {
  format: Options.choice("format", ["ndjson", "csv"]).pipe(
    Options.withDescription("Form of the files (default: csv where the name ends so, else ndjson)"),
    Options.optional
  ),
  rejects: Options.text("rejects").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription("Write lines that are no metrics there, to be put right and imported by themselves"),
    Options.optional
  ),
  server: serverOption,
  ...tokenOptions,
  caFile: caOption,
  timeout: patienceOption
}

/** Most lines that are shown one by one, of all files together. */
const shownProblems = 20

/** Sends a frame of a stream until the server has answered. */
type Post = (stream: string, body: string) => Effect.Effect<HttpAnswer, CliFailure, Terminal>

const makePost = (
  request: { readonly url: string; readonly headers: Readonly<Record<string, string>> },
  patience: Duration.Duration
): Effect.Effect<Post, never, HttpClient.HttpClient> =>
  Effect.map(
    HttpClient.HttpClient,
    (client): Post => (stream, body) =>
      withPatience<HttpAnswer, DeliveryFailure | DeliveryRefused, never>(
        postFrame({ ...request, client }, stream, body).pipe(
          // The pauses of the schedule come on top of what the server asks for.
          Effect.tapErrorTag("DeliveryFailure", ({ retryAfterMillis = 0 }) => Effect.sleep(retryAfterMillis))
        ),
        patience,
        (error) => error._tag === "DeliveryFailure"
      ).pipe(Effect.mapError((error) =>
        failure(
          `${request.url}: ${error.message}\n` +
            "What was acknowledged is stored; the same command again goes on from there and stores nothing twice."
        )
      ))
  )

/** What became of the lines that are no metrics, and of the metrics that the server refused. */
interface Problems {
  count: number
  readonly tell: (name: string, line: number, problem: string) => void
  /** `header` is the line of names of a CSV file. */
  readonly reject: (name: string, record: BadRecord, header: string | undefined) => void
}

interface Imported {
  readonly stored: number
  readonly before: number
}

const restored = (name: string): CliFailure =>
  failure(
    `the server has less of ${name} than it acknowledged: it went back to an older state; ` +
      "the same command again sends what is missing"
  )

/**
 * Sends the metrics of a file. Their offsets in the stream are their places
 * among the metrics of the file, lines that are none left out: so the server's
 * `next` says how many of them it has, and nothing of a bad line is a loss there.
 */
const importFile = (
  source: ImportSource,
  stream: string,
  post: Post,
  problems: Problems,
  onBytes: (count: number) => void
): Effect.Effect<Imported, CliFailure, Terminal> =>
  Effect.gen(function*() {
    const reader = importReader(source.format)
    const sender = `import ${Array.from(nodePath.basename(source.name)).slice(0, 50).join("")}`
    const rejected = new Map<number, string>()
    let waiting: Array<GenericMetric> = []
    let lines: Array<number> = []
    let offset = 0

    // Nothing is skipped: the answer tells where the stream stands.
    const asked = yield* post(
      stream,
      JSON.stringify({ type: "skip", stream, from: 0, to: 0, reason: "", sender, acked: 0 })
    )
    const before = asked.next
    if (asked._tag === "Taken") { for (const [at, reason] of asked.rejected) rejected.set(at, reason) }

    const send = Effect.gen(function*() {
      const start = offset - waiting.length
      let first = start
      const builder = new BatchBuilder(new SeriesDictionary())
      for (const metric of waiting) builder.add(metric, 0)
      const batches = builder.finish()
      const define = new Map(batches.flatMap((batch) => batch.define))
      for (const { columns, count, ids } of batches) {
        const own = ids.flatMap((id) => define.get(id) ?? [])
        const answer = yield* post(stream, encodeBatch({ stream, first, define: own, columns, sender, acked: first }))
        if (answer._tag === "Gap" || answer.next < first + count) return yield* restored(source.name)
        for (const [at, reason] of answer.rejected) {
          const index = at - start
          if (index < 0 || index >= lines.length) rejected.set(at, reason)
          else problems.tell(source.name, lines[index], `refused by the server: ${reason}`)
        }
        first += count
      }
      waiting = []
      lines = []
    })

    const take = (records: ReadonlyArray<ImportRecord>): Effect.Effect<void, CliFailure, Terminal> =>
      Effect.gen(function*() {
        for (const record of records) {
          if (record.problem !== undefined) {
            problems.reject(source.name, record, reader.header())
            continue
          }
          const reason = rejected.get(offset)
          if (reason !== undefined) problems.tell(source.name, record.line, `refused by the server: ${reason}`)
          if (offset++ < before) continue
          waiting.push(record.metric)
          lines.push(record.line)
          if (waiting.length === MAX_BATCH_POINTS) yield* send
        }
        const unusable = reader.unusable()
        if (unusable !== undefined) return yield* failure(`${source.name}: ${unusable}`)
      })

    yield* Stream.runForEachChunk(source.content(onBytes), (chunk) =>
      Effect.forEach(chunk, (bytes) => Effect.suspend(() => take(reader.push(bytes))), { discard: true }))
    yield* take(reader.end())
    if (waiting.length > 0) {
      yield* send
    }
    yield* source.checkUnchanged
    return { stored: Math.max(0, offset - before), before: Math.min(before, offset) }
  })

const resultText = (name: string, { before, stored }: Imported): string =>
  printable(
    before === 0
      ? `${name}: ${stored} metrics imported`
      : stored === 0
      ? `${name}: nothing new, all ${before} metrics were imported before`
      : `${name}: ${stored} metrics imported, ${before} were imported before`
  )

const openRejects = (path: string) =>
  Effect.acquireRelease(
    Effect.try({
      try: () => fs.openSync(path, "w"),
      catch: (error) => misuse(`--rejects ${path}: ${messageOf(error)}`)
    }),
    (file) => Effect.sync(() => fs.closeSync(file))
  )

/** `import`: stores files of metrics, each metric once, however often it is repeated. */
export const importCommand = Command.make("import", { ...arguments_, ...options }, (options) =>
  Effect.gen(function*() {
    const { httpUrl } = yield* Effect.mapError(parseEndpoint(options.server), (error) => misuse(error.message))
    const token = yield* readToken(options)
    const ca = yield* readCa(options.caFile)
    const terminal = yield* Terminal
    if (options.files.filter((name) => name === "-").length > 1) return yield* misuse("- can be given once only")
    const sources = yield* Effect.forEach(options.files, (name) => openImportSource(name, options.format))
    if (Option.isSome(options.rejects) && sources.length > 1) return yield* misuse("--rejects goes with one FILE")
    const rejects = Option.isNone(options.rejects) ? undefined : yield* openRejects(options.rejects.value)

    let headed = false
    const problems: Problems = {
      count: 0,
      tell: (name, line, problem) => {
        if (++problems.count <= shownProblems) terminal.writeLine(printable(`${name}:${line}: ${problem}`))
      },
      reject: (name, { line, problem, text }, header) => {
        problems.tell(name, line, problem)
        if (rejects === undefined || text === undefined) return
        if (!headed && header !== undefined) fs.writeSync(rejects, `${header}\n`)
        headed = true
        fs.writeSync(rejects, `${text}\n`)
      }
    }
    const total = sources.reduce((sum, { size }) => sum + size, 0)
    const progress = { done: 0, total }
    const onBytes = (count: number): void => {
      progress.done += count
    }

    const work = Effect.gen(function*() {
      const post = yield* makePost({ url: httpUrl, headers: authorization(token) }, options.timeout)
      yield* showProgress(Effect.sync(() => progress), "B")
      const named = yield* Effect.forEach(sources, (source) =>
        Effect.map(importStream(source, onBytes), (stream) => ({ source, stream })))
      progress.done = 0
      for (const { source, stream } of named) {
        const imported = yield* importFile(source, stream, post, problems, onBytes)
        yield* terminal.showStatus("")
        yield* Console.log(resultText(source.name, imported))
      }
    })
    yield* Effect.scoped(Effect.provide(work, httpConnections(ca)))
    if (problems.count > 0) {
      const hidden = problems.count - shownProblems
      return yield* failure(
        `${problems.count} lines were not imported (${hidden > 0 ? `the first ${shownProblems}` : "they"} stand ` +
          "above); put them right in a file of their own" +
          (rejects === undefined ? " (--rejects writes one)" : "") +
          ": another form of the whole file would be taken for another file, and its other metrics be stored twice"
      )
    }
  }).pipe(Effect.scoped))

/** Help of `import`. */
export const importHelp: CommandHelp = helpOf(importCommand, {
  name: "import",
  usage: "FILE… [--format ndjson|csv] [--server URL] [--token T]",
  summary: "Store files of metrics (- is standard input), each metric once, however often it is repeated",
  examples: [
    ["import metrics.ndjson.gz", "one metric as JSON a line, as export writes them; may be gzipped"],
    ["import old.csv --rejects bad.csv", "CSV with a line of names: timestamp,origin,metric_type,value,tags,fields"]
  ]
})
