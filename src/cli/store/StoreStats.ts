import { Command, Options } from "@effect/cli"
import { Clock, Console, Effect, Either } from "effect"
import { printable } from "../../domain/Printable.js"
import { formatIso } from "../../domain/Timestamp.js"
import { formatAge, formatSize } from "../../domain/Units.js"
import { readStoreReport, type StoreReport } from "../../store/StoreReport.js"
import { type CommandHelp, helpOf } from "../Help.js"
import { dataDirOption } from "../options/DataDirectory.js"
import { formatOption } from "../options/OutboxOptions.js"
import { parsed } from "../options/Values.js"
import { renderFields } from "../terminal/Fields.js"
import { foldWords } from "../terminal/Fold.js"
import { showProgress } from "../terminal/ShowProgress.js"
import { stdoutWidth } from "../terminal/Stdout.js"
import { renderTable } from "../terminal/Table.js"
import { ofStoreFile, openStoreReader, storePath } from "./StoreFile.js"

const options = {
  dataDir: dataDirOption,
  top: Options.integer("top").pipe(
    Options.withPseudoName("COUNT"),
    Options.withDescription("How many metric types the table shows, largest first (default 10)"),
    Options.withDefault(10),
    parsed("top", (top: number) => top >= 0 ? Either.right(top) : Either.left(`expected 0 or more, got ${top}`))
  ),
  format: formatOption
}

// Which tables grow with the points; the rest is the same for one and for a billion.
const growing: ReadonlySet<string> = new Set(["chunks", "fields", "rollups", "log"])

const perPoint = (bytes: number, points: number): string => points === 0 ? "" : (bytes / points).toFixed(2)

const reportText = (report: StoreReport, now: number, top: number, width: number): string => {
  const { bytes, chunks, log, losses, metricTypes, points, series, store, streams, tables } = report
  const time = (at: number | null): string => at === null ? "none" : `${formatIso(at)} (${formatAge(now - at)})`
  const hidden = metricTypes.length - Math.min(top, metricTypes.length)
  return [
    ...renderFields(
      [
        { label: "Store", value: printable(store) },
        { label: "File", value: printable(report.path) },
        {
          label: "Bytes",
          value: `${formatSize(bytes.file)}, and ${formatSize(bytes.wal)} of journal; ` +
            `${formatSize(bytes.free)} are free and used again first`,
          prose: true
        },
        { label: "Series", value: String(series) },
        {
          label: "Points",
          value: `${points}, in ${chunks} chunks and ${log.rows} batches of the log (${log.points} points)`,
          prose: true
        },
        { label: "Oldest", value: time(report.oldest), prose: true },
        { label: "Newest", value: time(report.newest), prose: true },
        { label: "Streams", value: String(streams) },
        { label: "Losses", value: `${losses.points} points in ${losses.entries} entries`, prose: true },
        ...(log.damagedRows === 0
          ? []
          : [{ label: "Damaged", value: `${log.damagedRows} batches of the log cannot be read`, prose: true }])
      ],
      width
    ),
    "",
    renderTable(
      [{ heading: "TABLE" }, { heading: "BYTES", right: true }, { heading: "B/POINT", right: true }],
      Object.entries(tables).map(([name, own]) => [
        name,
        String(own),
        growing.has(name)
          ? perPoint(own, name === "log" ? log.points : points - log.points)
          : ""
      ]),
      width
    ),
    ...(metricTypes.length === 0 || top === 0 ? [] : [
      "",
      renderTable(
        [
          { heading: "METRIC TYPE" },
          { heading: "SERIES", right: true },
          { heading: "POINTS", right: true },
          { heading: "BYTES", right: true },
          { heading: "B/POINT", right: true }
        ],
        metricTypes.slice(0, top).map((own) => [
          own.metricType,
          String(own.series),
          String(own.points),
          String(own.bytes),
          perPoint(own.bytes, own.points)
        ]),
        width
      )
    ]),
    ...(hidden === 0
      ? []
      : ["", ...foldWords([`and ${hidden} more metric types (--top, --format json)`.split(" ")], width)])
  ].join("\n")
}

/** `store stats`: what a store's file holds. */
export const storeStatsCommand = Command.make("stats", options, (options) =>
  Effect.gen(function*() {
    const db = yield* openStoreReader(yield* storePath(options.dataDir))
    const progress = { done: 0, total: 0 }
    const report = yield* Effect.scoped(Effect.zipRight(
      showProgress(Effect.sync(() => progress)),
      Effect.mapError(readStoreReport(db, progress), ofStoreFile)
    ))
    yield* Console.log(
      options.format === "json"
        ? JSON.stringify(report)
        : reportText(report, yield* Clock.currentTimeMillis, options.top, yield* stdoutWidth)
    )
  }).pipe(Effect.scoped))

/** Help of `store stats`. */
export const storeStatsHelp: CommandHelp = helpOf(storeStatsCommand, {
  name: "store stats",
  usage: "[--data-dir DIR] [--top 10] [--format table|json]",
  summary: "What a store's file holds and what its bytes are used for; also while a server runs",
  examples: [
    ["store stats", "of the server of this user"],
    ["store stats --data-dir /var/lib/metrics-server --format json", "of a service, for another program"]
  ]
})
