import { Args, Command, Options } from "@effect/cli"
import { Clock, Console, Effect, Option, Stream } from "effect"
import { MetricsClient } from "../client/MetricsClient.js"
import { printable } from "../domain/Printable.js"
import { formatSize } from "../domain/Units.js"
import { failure, misuse, toFailure } from "./CliFailure.js"
import { type CommandHelp, helpOf } from "./Help.js"
import { caOption, connectClient, serverOption, tokenOptions } from "./options/ConnectionOptions.js"
import { patienceOption } from "./options/Patience.js"
import { seriesOptions, seriesQuestion } from "./options/SeriesOptions.js"
import { readTimeRange } from "./options/TimeRange.js"
import { showProgress } from "./terminal/ShowProgress.js"
import { writeStdout } from "./terminal/Stdout.js"
import { Terminal } from "./terminal/Terminal.js"
import { type ExportFile, type ExportOrder, type ExportState, openExportFile } from "./transfer/ExportFile.js"
import { exportPages, type ExportRange, metricTypesOf, pointsWithin } from "./transfer/ExportPages.js"
import { csvHeader } from "./transfer/MetricsCsv.js"

const options = {
  metricType: Args.text({ name: "METRIC_TYPE" }).pipe(Args.optional),
  ...seriesOptions,
  from: Options.text("from").pipe(
    Options.withPseudoName("TIME"),
    Options.withDescription("First instant: ISO 8601 or ms since the epoch (default: the oldest point)"),
    Options.optional
  ),
  to: Options.text("to").pipe(
    Options.withPseudoName("TIME"),
    Options.withDescription("Instant before which points lie (default: all that is stored at the start)"),
    Options.optional
  ),
  last: Options.text("last").pipe(
    Options.withPseudoName("DURATION"),
    Options.withDescription("From this long ago until now, instead of --from and --to"),
    Options.optional
  ),
  format: Options.choice("format", ["ndjson", "csv"]).pipe(
    Options.withDescription("Form of a line (default ndjson); import reads both"),
    Options.withDefault("ndjson")
  ),
  output: Options.text("output").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription(
      "Write there; the same command goes on where it was interrupted (default: standard output)"
    ),
    Options.optional
  ),
  force: Options.boolean("force").pipe(
    Options.withDescription("Overwrite FILE, and begin anew where an export was interrupted")
  ),
  server: serverOption,
  ...tokenOptions,
  caFile: caOption,
  timeout: patienceOption
}

/** Where the lines go. */
type Sink = Pick<ExportFile, "earlier" | "append" | "finish">

// Names may hold sequences that a terminal would obey; whoever reads a pipe gets them as they are.
const standardOutput: Sink = {
  earlier: undefined,
  append: (text) => writeStdout(process.stdout.isTTY === true ? printable(text) : text),
  finish: Effect.succeed(0)
}

/** `export`: writes the points of a store as lines. */
export const exportCommand = Command.make("export", options, (options) =>
  Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    const { last, ...bounds } = yield* readTimeRange(options)
    if (options.force && Option.isNone(options.output)) return yield* misuse("--force needs --output")
    const { from, to } = last === undefined ? bounds : { from: now - last, to: now }
    const question = yield* seriesQuestion(options, Option.getOrUndefined(options.metricType))
    const order: ExportOrder = {
      format: options.format,
      metricType: question.metricType ?? null,
      origin: question.origin ?? null,
      tags: question.tags ?? {},
      from: Option.getOrNull(options.from),
      to: Option.getOrNull(options.to),
      last: Option.getOrNull(options.last)
    }

    const work = Effect.gen(function*() {
      const client = yield* MetricsClient
      const store = (yield* client.status).store.id
      const series = yield* client.series(question)
      const sink = Option.isNone(options.output)
        ? standardOutput
        : yield* openExportFile({ path: options.output.value, order, store, force: options.force })
      const { earlier } = sink
      // Points may be ahead of the clock; what comes in later may stand in the export or not.
      const newest = series.reduce((time, own) => Math.max(time, own.last + 1), now)
      const range: ExportRange = {
        question,
        from: earlier === undefined ? from : earlier.from ?? undefined,
        to: earlier?.to ?? to ?? newest
      }
      const state: Omit<ExportState, "bytes" | "place" | "points" | "clashes" | "done"> = {
        version: 1,
        store,
        order,
        from: range.from ?? null,
        to: range.to
      }
      const total = series.reduce((sum, own) => sum + pointsWithin(own, range), 0)
      const metricTypes = metricTypesOf(series)
      let points = earlier?.points ?? 0
      let clashes = earlier?.clashes ?? 0
      if (earlier === undefined) {
        yield* sink.append(options.format === "csv" ? csvHeader : "", {
          ...state,
          place: null,
          points,
          clashes,
          done: false
        })
      }
      // Lines on the screen and a bar below them would write over each other.
      if (Option.isSome(options.output) || process.stdout.isTTY !== true) {
        yield* showProgress(Effect.sync(() => ({ done: points, total: Math.max(total, points) })))
      }
      const pages = earlier?.done === true
        ? Stream.empty
        : exportPages(range, metricTypes, earlier?.place ?? undefined, options.format, options.timeout)
      yield* Stream.runForEach(pages, (page) => {
        points += page.points
        clashes += page.clashes
        const { next } = page
        return sink.append(page.text, { ...state, place: next ?? null, points, clashes, done: next === undefined })
      }).pipe(
        Effect.tapError(() =>
          Option.isNone(options.output)
            ? Effect.void
            : Console.error(`${points} points are written; the same command again goes on from there`)
        )
      )
      const bytes = yield* sink.finish
      yield* (yield* Terminal).showStatus("")
      if (Option.isSome(options.output)) {
        yield* Console.log(`${options.output.value}: ${points} points, ${formatSize(bytes)}`)
      }
      if (clashes > 0 && options.format === "ndjson") {
        return yield* failure(
          `${clashes} points have a tag and a field of one name, of which this form carries the field alone; ` +
            "--format csv writes both"
        )
      }
    })
    yield* Effect.scoped(Effect.provide(work, yield* connectClient(options))).pipe(Effect.mapError(toFailure))
  }))

/** Help of `export`. */
export const exportHelp: CommandHelp = helpOf(exportCommand, {
  name: "export",
  usage: "[METRIC_TYPE] [--origin O] [--tag KEY=VALUE] [--last 7d] [--output FILE] [options]",
  summary: "Write all points of a server, or some, as lines that import reads; goes on where it was interrupted",
  examples: [
    ["export --output all.ndjson", "everything, one metric as JSON a line"],
    ["export cpu_percent --last 7d --format csv --output cpu.csv", "a week of one metric type, for a spreadsheet"]
  ]
})
