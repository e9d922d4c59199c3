import { Command } from "@effect/cli"
import { Clock, Console, Effect, Stream } from "effect"
import { printable, printableJson } from "../domain/Printable.js"
import { formatIso } from "../domain/Timestamp.js"
import { formatAge, formatSize, formatSpan } from "../domain/Units.js"
import type { OutboxFileStatus, StoredDeadLetter } from "../sender/outbox/OutboxFile.js"
import { failure, misuse } from "./CliFailure.js"
import { type CommandHelp, groupHelp, helpOf } from "./Help.js"
import { dataDirOption } from "./options/DataDirectory.js"
import { existingOutbox, formatOption, ofOutboxError } from "./options/OutboxOptions.js"
import { deadLettersCommand, deadLettersHelp } from "./outbox/DeadLetters.js"
import { drainCommand, drainHelp } from "./outbox/Drain.js"
import { renderFields } from "./terminal/Fields.js"
import { stdoutWidth, writeStdout } from "./terminal/Stdout.js"
import { renderTable } from "./terminal/Table.js"

/** Metrics that will never reach the store. */
interface OutboxLoss {
  readonly stream: string
  /** Interval of offsets, `from` ≤ o < `to`, that holds them, or the one that tells of their loss. */
  readonly from: number
  readonly to: number
  /** `null`: nobody could count. */
  readonly count: number | null
  readonly reason: string
  /** Whether the server knows of it. */
  readonly delivered: boolean
  /** Who lost them before they were accepted, from when to when (ms since the epoch), and what is known of the cause. */
  readonly generator?: string
  readonly timeFrom?: number
  readonly timeTo?: number
  readonly detail?: string
}

/** Ranges that are not yet declared to the server, dead letters by their reason, and what was lost before acceptance. */
const lossesOf = (
  { losses, streams }: OutboxFileStatus,
  letters: ReadonlyArray<StoredDeadLetter>
): ReadonlyArray<OutboxLoss> => {
  const rejected = new Map<string, OutboxLoss & { readonly count: number }>()
  for (const { offset, reason, stream } of letters) {
    const key = `${stream} ${reason}`
    const known = rejected.get(key) ??
      { stream, from: offset, to: offset, count: 0, reason: `rejected: ${reason}`, delivered: true }
    rejected.set(key, {
      ...known,
      from: Math.min(known.from, offset),
      to: Math.max(known.to, offset + 1),
      count: known.count + 1
    })
  }
  return [
    ...streams.flatMap(({ skipped }) =>
      skipped.map((range) => ({ ...range, count: range.to - range.from, delivered: false }))
    ),
    ...rejected.values(),
    ...losses.map(({ delivered, loss, offset, stream }) => ({
      stream,
      from: offset,
      to: offset + 1,
      count: loss.count === "unknown" ? null : loss.count,
      reason: loss.reason,
      delivered,
      generator: loss.source,
      timeFrom: loss.from,
      timeTo: loss.to,
      ...(loss.detail === undefined ? undefined : { detail: loss.detail })
    }))
  ]
}

const spanText = ({ timeFrom, timeTo }: OutboxLoss): string =>
  timeFrom === undefined || timeTo === undefined
    ? ""
    : timeFrom === timeTo
    ? formatIso(timeFrom)
    : `${formatIso(timeFrom)} to ${formatIso(timeTo)}`

const summaryOf = (path: string, status: OutboxFileStatus, letters: ReadonlyArray<StoredDeadLetter>) => {
  const sum = (of: (stream: OutboxFileStatus["streams"][number]) => number): number =>
    status.streams.reduce((total, stream) => total + of(stream), 0)
  const isDoubt = ({ reason }: OutboxLoss): boolean => reason === "unverified"
  const losses = lossesOf(status, [])
  const undeclared = losses.filter((loss) => !loss.delivered && !isDoubt(loss))
  const oldest = status.streams.reduce((first, stream) => Math.min(first, stream.oldest ?? Infinity), Infinity)
  return {
    sender: status.sender,
    path,
    openedAt: status.openedAt ?? null,
    pending: sum(({ pending }) => pending),
    batches: sum(({ batches }) => batches),
    bytes: sum(({ bytes }) => bytes),
    oldest: Number.isFinite(oldest) ? oldest : null,
    deadLetters: letters.length,
    undeclaredLosses: undeclared.reduce((total, { count }) => total + (count ?? 0), 0),
    undeclaredUnknown: undeclared.filter(({ count }) => count === null).length,
    unverified: losses.filter(isDoubt).reduce((total, { count }) => total + (count ?? 0), 0),
    streams: status.streams.map(({ acked, batches, bytes, next, oldest, pending, stream }) => ({
      stream,
      acked,
      next,
      pending,
      batches,
      bytes,
      oldest: oldest ?? null
    }))
  }
}

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`

type Summary = ReturnType<typeof summaryOf>

const statusText = (summary: Summary, now: number, width: number): string => {
  const ago = (time: number): string => `${formatAge(now - time)} (${formatIso(time)})`
  return [
    ...renderFields(
      [
        { label: "Sender", value: printable(summary.sender) },
        { label: "Outbox", value: printable(summary.path) },
        {
          label: "Opened",
          value: summary.openedAt === null
            ? "by no process now"
            : `${ago(summary.openedAt)}, by a process that runs or did not end by itself`,
          prose: true
        },
        {
          label: "Pending",
          value: `${counted(summary.pending, "metric", "metrics")} in ${
            counted(summary.batches, "batch", "batches")
          }, ${formatSize(summary.bytes)}`,
          prose: true
        },
        ...(summary.oldest === null ? [] : [{ label: "Oldest", value: ago(summary.oldest), prose: true }]),
        { label: "Dead letters", value: String(summary.deadLetters) },
        {
          label: "Losses",
          value: `${summary.undeclaredLosses} metrics not yet declared to the server` +
            (summary.undeclaredUnknown === 0 ? "" : `, and ${summary.undeclaredUnknown} losses of unknown count`),
          prose: true
        },
        ...(summary.unverified === 0
          ? []
          : [{ label: "Unverified", value: `${summary.unverified} metrics that plain mode delivered`, prose: true }])
      ],
      width
    ),
    "",
    renderTable(
      [
        { heading: "STREAM" },
        { heading: "ACKNOWLEDGED", right: true },
        { heading: "NEXT", right: true },
        { heading: "PENDING", right: true },
        { heading: "BATCHES", right: true },
        { heading: "BYTES", right: true },
        { heading: "OLDEST", right: true }
      ],
      summary.streams.map(({ acked, batches, bytes, next, oldest, pending, stream }) => [
        stream,
        String(acked),
        String(next),
        String(pending),
        String(batches),
        String(bytes),
        oldest === null ? "" : formatSpan(now - oldest)
      ]),
      width
    )
  ].join("\n")
}

const viewOptions = { dataDir: dataDirOption, format: formatOption }

const statusCommand = Command.make("status", viewOptions, (options) =>
  Effect.gen(function*() {
    const { outbox } = yield* existingOutbox(options.dataDir)
    const status = yield* Effect.mapError(outbox.status, ofOutboxError)
    const letters = yield* Effect.mapError(outbox.deadLetters, ofOutboxError)
    const summary = summaryOf(outbox.path, status, letters)
    yield* Console.log(
      options.format === "json"
        ? printableJson(summary)
        : statusText(summary, yield* Clock.currentTimeMillis, yield* stdoutWidth)
    )
  }).pipe(Effect.scoped))

const lossesCommand = Command.make("losses", viewOptions, (options) =>
  Effect.gen(function*() {
    const { outbox } = yield* existingOutbox(options.dataDir)
    const status = yield* Effect.mapError(outbox.status, ofOutboxError)
    const losses = lossesOf(status, yield* Effect.mapError(outbox.deadLetters, ofOutboxError))
    if (options.format === "json") return yield* Console.log(printableJson(losses))
    if (losses.length === 0) return yield* Console.error("no losses")
    yield* Console.log(renderTable(
      [
        { heading: "STREAM" },
        { heading: "FROM", right: true },
        { heading: "TO", right: true },
        { heading: "COUNT", right: true },
        { heading: "DECLARED" },
        { heading: "GENERATOR" },
        { heading: "WHEN" },
        { heading: "REASON" }
      ],
      losses.map((loss) => [
        loss.stream,
        String(loss.from),
        String(loss.to),
        loss.count === null ? "unknown" : String(loss.count),
        loss.delivered ? "yes" : "no",
        printable(loss.generator ?? ""),
        spanText(loss),
        printable(loss.reason)
      ]),
      yield* stdoutWidth
    ))
  }).pipe(Effect.scoped))

const exportCommand = Command.make("export", { dataDir: dataDirOption }, (options) =>
  Effect.gen(function*() {
    const { outbox } = yield* existingOutbox(options.dataDir)
    let damaged = 0
    yield* Stream.runForEachChunk(Stream.mapError(outbox.pending, ofOutboxError), (chunk) => {
      let lines = ""
      for (const entry of chunk) {
        if (entry._tag === "Metric") lines += `${printable(entry.json)}\n`
        else damaged += entry.range.to - entry.range.from
      }
      return writeStdout(lines)
    })
    if (damaged > 0) return yield* failure(`${damaged} metrics of the outbox are damaged and were left out`)
  }).pipe(Effect.scoped))

const statusHelp = helpOf(statusCommand, {
  name: "outbox status",
  usage: "[--data-dir DIR] [--format table|json]",
  summary: "What waits for the server, and what was refused or lost; also while a collector runs",
  examples: [["outbox status", "of the collector of this user"]]
})

const lossesHelp = helpOf(lossesCommand, {
  name: "outbox losses",
  usage: "[--data-dir DIR] [--format table|json]",
  summary: "Metrics that will never reach the store: lost before they were accepted, dropped, damaged or refused",
  examples: [["outbox losses --format json", "for another program"]]
})

const exportHelp = helpOf(exportCommand, {
  name: "outbox export",
  usage: "[--data-dir DIR] > FILE",
  summary: "Write all pending metrics to standard output, one as JSON a line; they stay in the outbox",
  examples: [["outbox export > pending.ndjson", "a copy that `send --stdin` reads"]]
})

const parts = [statusHelp, drainHelp, exportHelp, deadLettersHelp, lossesHelp]

/** `outbox`: looks after what a collector could not deliver yet. */
export const outboxCommand = Command.make(
  "outbox",
  {},
  () => misuse("outbox needs one of status, drain, export, dead-letters and losses; see outbox --help")
).pipe(
  Command.withSubcommands([statusCommand, drainCommand, exportCommand, deadLettersCommand, lossesCommand])
)

/** Help of `outbox`. */
export const outboxHelp: CommandHelp = groupHelp(parts, {
  name: "outbox",
  usage: "status|drain|export|dead-letters|losses [options]",
  summary: "Look after what a collector could not deliver yet",
  examples: [
    ["outbox status", "what waits, since when"],
    ["outbox drain --endpoint ws://metrics.example:5000/ws/metrics", "deliver all of it, and end"]
  ]
})
