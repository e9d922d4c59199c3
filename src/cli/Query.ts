import { Args, Command, Options } from "@effect/cli"
import { Clock, Config, Console, Duration, Effect, Option } from "effect"
import { MetricsClient } from "../client/MetricsClient.js"
import { aggregates } from "../domain/Aggregate.js"
import { displayWidth } from "../domain/DisplayWidth.js"
import type { JsonObject } from "../domain/Json.js"
import { printableJson, printableLine } from "../domain/Printable.js"
import { formatIso } from "../domain/Timestamp.js"
import { unitOf } from "../domain/Units.js"
import type { QueryResult } from "../wire/Api.js"
import { misuse, toFailure } from "./CliFailure.js"
import { type CommandHelp, helpOf } from "./Help.js"
import { caOption, connectClient, serverOption, tokenOptions } from "./options/ConnectionOptions.js"
import { seriesOptions, seriesQuestion, tagsText, tagWords } from "./options/SeriesOptions.js"
import { readTimeRange } from "./options/TimeRange.js"
import { parseDuration } from "./options/Values.js"
import { type ChartLine, MAX_CHART_LINES, renderChart } from "./terminal/Chart.js"
import { foldWords } from "./terminal/Fold.js"
import { stdoutLook, stdoutWidth } from "./terminal/Stdout.js"
import { renderCsv, renderTable } from "./terminal/Table.js"

const defaultLast = Duration.toMillis("1 hour")

const options = {
  metricType: Args.text({ name: "METRIC_TYPE" }),
  ...seriesOptions,
  last: Options.text("last").pipe(
    Options.withPseudoName("DURATION"),
    Options.withDescription("From this long ago until now (default 1h)"),
    Options.optional
  ),
  from: Options.text("from").pipe(
    Options.withPseudoName("TIME"),
    Options.withDescription("First instant: ISO 8601 or ms since the epoch"),
    Options.optional
  ),
  to: Options.text("to").pipe(
    Options.withPseudoName("TIME"),
    Options.withDescription("Instant before which points lie"),
    Options.optional
  ),
  step: Options.text("step").pipe(
    Options.withPseudoName("DURATION"),
    Options.withDescription("One value for each step instead of raw points, as in 1m"),
    Options.optional
  ),
  aggregate: Options.choice("aggregate", aggregates).pipe(
    Options.withDescription("How the points of a step become one value (default avg; needs --step)"),
    Options.optional
  ),
  by: Options.text("by").pipe(
    Options.withPseudoName("TAG"),
    Options.withDescription("Put series together that are equal in this tag; repeatable, needs --step"),
    Options.repeated
  ),
  limit: Options.integer("limit").pipe(
    Options.withPseudoName("COUNT"),
    Options.withDescription("Most points to show (default 100000)"),
    Options.optional
  ),
  format: Options.choice("format", ["table", "json", "csv"]).pipe(
    Options.withDescription("Form of the answer (METRICS_FORMAT; default table)"),
    Options.withFallbackConfig(Config.literal("table", "json", "csv")("format")),
    Options.withDefault("table")
  ),
  chart: Options.boolean("chart").pipe(
    Options.withDescription("Draw the values over time, for up to 6 series; goes with the table format only")
  ),
  server: serverOption,
  ...tokenOptions,
  caFile: caOption
}

const fieldsText = (fields: JsonObject | undefined): string =>
  fields === undefined || Object.keys(fields).length === 0 ? "" : JSON.stringify(fields)

/** One row a point, in order of time. */
const rowsOf = (
  series: QueryResult["series"],
  tags: (tags: { readonly [key: string]: string }) => string
): ReadonlyArray<ReadonlyArray<string>> =>
  series.flatMap((one) =>
    one.points.map(([time, value, fields]) => ({
      time,
      row: [formatIso(time), one.origin, tags(one.tags), value === null ? "" : String(value), fieldsText(fields)]
    }))
  ).sort((a, b) => a.time - b.time).map(({ row }) => row)

const csvOf = (metricType: string, { series }: QueryResult): string =>
  renderCsv(
    ["time", "origin", "metric_type", "tags", "value", "fields"],
    rowsOf(series, JSON.stringify).map(([time, origin, ...rest]) => [time, origin, metricType, ...rest])
  )

const time = { heading: "TIME" }
const names = [{ heading: "ORIGIN" }, { heading: "TAGS", optional: true }]
const values = [{ heading: "VALUE", right: true }, { heading: "FIELDS", optional: true }]

/** One table of all points; where it is wider than the terminal, one of each series, below its name. */
export const answerText = ({ series }: QueryResult, width: number): string => {
  const table = renderTable([time, ...names, ...values], rowsOf(series, tagsText))
  if (table.split("\n").every((line) => displayWidth(line) <= width)) return table
  return series.filter(({ points }) => points.length > 0).map((one) => {
    const name = [[one.origin], tagWords(one.tags)].map((words) => words.map(printableLine))
    const rows = rowsOf([one], tagsText).map(([time, , , ...rest]) => [time, ...rest])
    return [...foldWords(name, width), renderTable([time, ...values], rows, width)].join("\n")
  }).join("\n\n")
}

/** The series as lines of a chart, those with the most points first. */
const chartLines = ({ series }: QueryResult): ReadonlyArray<ChartLine> =>
  series.map(({ origin, points, tags }) => ({
    name: Object.keys(tags).length === 0 ? origin : `${origin} ${tagsText(tags)}`,
    points: points.flatMap(([time, value]): ChartLine["points"] => value === null ? [] : [[time, value]])
  })).filter(({ points }) => points.length > 0).sort((a, b) => b.points.length - a.points.length)

const drawChart = (
  metricType: string,
  answer: QueryResult,
  look: { readonly width: number; readonly colour: boolean }
): string => {
  const lines = chartLines(answer)
  const left = lines.length - MAX_CHART_LINES
  return [
    renderChart(lines.slice(0, MAX_CHART_LINES), { unit: unitOf(metricType), ...look }),
    ...(left > 0 ? [`… and ${left} more series: narrow them with --tag, or put them together with --by`] : [])
  ].join("\n")
}

/** Names that are stored and look like the one that was asked for. */
const similar = (wanted: string, names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const pairs = (text: string) => new Set(Array.from({ length: text.length - 1 }, (_, i) => text.slice(i, i + 2)))
  const own = pairs(wanted)
  return Array.from(new Set(names))
    .map((name) => {
      const other = pairs(name)
      const shared = Array.from(own).filter((pair) => other.has(pair)).length
      return { name, likeness: 2 * shared / Math.max(1, own.size + other.size) }
    })
    .filter(({ likeness }) => likeness > 0.4)
    .sort((a, b) => b.likeness - a.likeness)
    .slice(0, 5)
    .map(({ name }) => name)
}

/** Why nothing was found: the name is unknown, or its points lie elsewhere in time. */
const explainNothing = (metricType: string): Effect.Effect<string, unknown, MetricsClient> =>
  Effect.gen(function*() {
    const client = yield* MetricsClient
    const all = yield* client.series({})
    const same = all.filter((series) => series.metric_type === metricType)
    if (same.length > 0) {
      const last = same.reduce((newest, series) => Math.max(newest, series.last), -Infinity)
      return `no points of ${metricType} match; its newest is of ${formatIso(last)} (widen --last, or look at --tag)`
    }
    const names = similar(metricType, all.map((series) => series.metric_type))
    return all.length === 0
      ? "the store is empty"
      : `no metric type ${metricType} is stored${names.length === 0 ? "" : `; there is ${names.join(", ")}`}`
  })

/** `query`: asks a server for the points of one metric type. */
export const queryCommand = Command.make("query", options, (options) =>
  Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    const range = yield* readTimeRange(options)
    const { to } = range
    const unbounded = range.from !== undefined || to !== undefined
    const from = unbounded ? range.from : now - (range.last ?? defaultLast)
    const step = Option.isNone(options.step)
      ? undefined
      : Duration.toMillis(
        yield* Effect.mapError(parseDuration(options.step.value), (message) => misuse(`--step: ${message}`))
      )
    if (step === undefined && (Option.isSome(options.aggregate) || options.by.length > 0)) {
      return yield* misuse("--aggregate and --by need --step, as in --step 1m")
    }
    if (options.chart && options.format !== "table") {
      return yield* misuse(`--chart goes without --format ${options.format}`)
    }
    const question = yield* seriesQuestion(options, options.metricType)

    const work = Effect.gen(function*() {
      const client = yield* MetricsClient
      const answer = yield* client.query({
        ...question,
        metricType: options.metricType,
        from,
        to,
        step,
        aggregate: Option.getOrUndefined(options.aggregate),
        by: options.by.length > 0 ? options.by : undefined,
        fields: step === undefined && !options.chart,
        limit: Option.getOrUndefined(options.limit)
      })
      if (options.format === "json") return yield* Console.log(printableJson(answer))
      const found = answer.series.some(({ points }) => points.length > 0)
      if (!found && options.format === "table") {
        return yield* Console.error(yield* explainNothing(options.metricType))
      }
      yield* Console.log(
        options.chart
          ? drawChart(options.metricType, answer, yield* stdoutLook)
          : options.format === "csv"
          ? csvOf(options.metricType, answer)
          : answerText(answer, yield* stdoutWidth)
      )
      if (answer.truncated) yield* Console.error("there are more points: raise --limit, or take a --step")
    })
    yield* Effect.provide(work, yield* connectClient(options)).pipe(Effect.mapError(toFailure))
  }))

/** Help of `query`. */
export const queryHelp: CommandHelp = helpOf(queryCommand, {
  name: "query",
  usage: "METRIC_TYPE [--tag KEY=VALUE] [--last 1h] [--step 1m] [options]",
  summary: "Ask a server for the points of a metric type",
  examples: [
    ["query cpu_percent --last 5m", "raw points of the last five minutes"],
    ["query cpu_percent --last 24h --step 1h --aggregate max --by host", "the highest value of each hour and host"],
    ["query cpu_percent --last 1h --step 1m --chart", "drawn in the terminal"]
  ]
})
