import { Context, Data, type Effect, type Stream } from "effect"
import type { Aggregate } from "../domain/Aggregate.js"
import type { Tags } from "../domain/Identity.js"
import type { JsonObject } from "../domain/Json.js"
import type { Points, Series } from "../domain/Series.js"

/**
 * The store could not read or write. `Full` and `Unavailable` pass when
 * somebody makes room or sees to the file system: nothing was taken, and it may
 * be sent again. `Closed` is a store that is stopping.
 */
export class StoreError extends Data.TaggedError("StoreError")<{
  readonly reason: "Full" | "Unavailable" | "Corrupt" | "Closed" | "Failed"
  readonly message: string
  readonly cause?: unknown
}> {}

/** The stream was opened with another token. */
export class StreamOwnedError extends Data.TaggedError("StreamOwnedError")<{ readonly stream: string }> {}

/** A refused point: its offset in the stream and why. */
export type Rejection = readonly [offset: number, reason: string]

/** Who writes into a stream. */
export interface StreamWriter {
  readonly stream: string
  /** Name of the sender, for people. */
  readonly sender: string
  /** Identifies the token of the writer; `""` where no token is asked for. */
  readonly owner: string
  /** All before it is known to the sender as acknowledged: rejections below it need not be repeated. */
  readonly acked: number
}

/** A stream as its writer finds it. */
export interface OpenedStream {
  /** The offset that is expected. */
  readonly next: number
  /** Every rejection from the writer's `acked` up to `next`. */
  readonly rejected: ReadonlyArray<Rejection>
}

/** A batch of a stream after every check of its points. */
export interface StreamBatch extends StreamWriter {
  readonly first: number
  /** Points and rejections together: the batch covers `first` ≤ offset < `first + count`. */
  readonly count: number
  readonly points: Points
  /** Offset of each point, ascending. */
  readonly offset: ReadonlyArray<number>
  readonly rejected: ReadonlyArray<Rejection>
}

/**
 * What became of a batch. `Committed` is durable; `rejected` holds every
 * rejection of the stream from the writer's `acked` up to `next`. `Gap` took
 * nothing: the batch began past `next`.
 */
export type CommitResult =
  | {
    readonly _tag: "Committed"
    readonly next: number
    readonly rejected: ReadonlyArray<Rejection>
    readonly stored: number
  }
  | { readonly _tag: "Gap"; readonly next: number }

/**
 * A condition on the tag `key` of a series. `AnyOf` and `Matches` want the tag
 * to be there; `NoneOf` and `MatchesNot` hold too where it is not. A pattern is
 * a regular expression for the whole value.
 */
export type TagCondition =
  | { readonly _tag: "AnyOf" | "NoneOf"; readonly key: string; readonly values: ReadonlyArray<string> }
  | { readonly _tag: "Matches" | "MatchesNot"; readonly key: string; readonly pattern: string }

/** Which series are meant. Tags must be equal and conditions hold; an absent part matches all. */
export interface SeriesFilter {
  readonly origin?: string | undefined
  readonly metricType?: string | undefined
  readonly tags?: Tags | undefined
  readonly where?: ReadonlyArray<TagCondition> | undefined
}

/** Buckets of `step` ms, aligned to the epoch (UTC); series with equal `by` tags are put together. */
export interface Buckets {
  readonly step: number
  readonly aggregate: Aggregate
  /** Tags by which to group; `undefined`: every series for itself. */
  readonly by?: ReadonlyArray<string> | undefined
}

/** A query over `from` ≤ t < `to`, ms since the epoch. Without `buckets`: raw points, oldest first. */
export interface StoreQuery extends SeriesFilter {
  readonly from: number
  readonly to: number
  readonly buckets?: Buckets | undefined
  /** Most points in the answer. */
  readonly limit: number
  /** Whether raw points carry their fields (default `true`); without them the answer costs less. */
  readonly fields?: boolean | undefined
  /** Where an answer that was cut goes on. */
  readonly cursor?: string | undefined
}

/** The points of one series, or of one group of series, oldest first. */
export interface SeriesPoints {
  readonly origin: string
  readonly metricType: string
  readonly tags: Tags
  readonly time: ReadonlyArray<number>
  readonly value: ReadonlyArray<number>
  /** Fields of raw points; `undefined` where a point has none, and for buckets. */
  readonly fields: ReadonlyArray<JsonObject | undefined>
}

/** The answer to a {@link StoreQuery}. */
export interface QueryAnswer {
  readonly series: ReadonlyArray<SeriesPoints>
  /** There are more points than `limit`: ask again with `cursor`. */
  readonly truncated: boolean
  /** The metric type had too many series: points of some are in the series that takes their place. */
  readonly overflow?: boolean
  readonly cursor?: string | undefined
}

/** The text of an answer. */
export interface QueryText {
  /** JSON in UTF-8, in pieces that belong one after another. */
  readonly pieces: ReadonlyArray<Uint8Array>
  /**
   * To be called when nobody looks at the pieces any more, not even a socket that has still to send them: there are none
   * from then on, and their memory serves for other answers. Without it they are left to the garbage collector, whose
   * time is taken from what stores.
   */
  readonly giveBack: () => void
}

/**
 * A query that cannot be answered, with what to change. `Invalid`: it means
 * nothing; `TooLarge`: it would hold more than a query may; `TooHard`: one of
 * its patterns takes for ever; `TooLong`: it did not end in time.
 */
export class QueryError extends Data.TaggedError("QueryError")<{
  readonly reason: "Invalid" | "TooLarge" | "TooHard" | "TooLong"
  readonly message: string
}> {}

/** Tells the series that a {@link SeriesFilter} means. */
export interface StoreMatcher {
  /** Must have been told of series before `matches` is asked about them; fails when a pattern takes too long. */
  readonly prepare: (series: Iterable<Series>) => Effect.Effect<void, StoreError | QueryError>
  readonly matches: (series: Series) => boolean
}

/** A series and what is stored of it. `first` and `last` are ms since the epoch. */
export interface SeriesInfo extends Series {
  readonly points: number
  readonly first: number
  readonly last: number
}

/** The newest point of a series. */
export interface LatestPoint {
  readonly series: Series
  readonly time: number
  readonly value: number
  readonly fields: JsonObject | undefined
}

/** What a collector lost before its sender accepted it. */
export interface CollectorLoss {
  /** Who lost it. */
  readonly generator: string
  /** How many metrics; `null` where nobody could count. */
  readonly count: number | null
  /** First and last instant concerned, ms since the epoch. */
  readonly from: number
  readonly to: number
}

/** A loss that the server knows of: declared by a sender, or points that it refused. */
export interface StoredLoss {
  readonly stream: string
  readonly sender: string
  /** Interval of offsets, `from` ≤ o < `to`. */
  readonly fromOffset: number
  readonly toOffset: number
  /** `null`: nobody could count. */
  readonly count: number | null
  readonly reason: string
  /** When it was written down here, ms since the epoch. */
  readonly at: number
  /** Of a {@link CollectorLoss}, else `null`. */
  readonly generator: string | null
  readonly timeFrom: number | null
  readonly timeTo: number | null
}

/** A stream that wrote into the store. */
export interface StreamInfo {
  readonly stream: string
  readonly sender: string
  readonly next: number
  readonly rejected: number
  /** Offsets that were metrics and are declared lost. */
  readonly lost: number
  /** Offsets that told of a loss and never were a metric. */
  readonly declarations: number
  /** Ms since the epoch. */
  readonly firstSeen: number
  readonly lastSeen: number
}

/** What the store holds, for people. */
export interface StoreStats {
  readonly series: number
  readonly points: number
  /** Bytes on disk, write-ahead log included; 0 in memory. */
  readonly bytes: number
  /** Bytes of them that hold data: pages that are free will be used again before the file grows. */
  readonly usedBytes: number
  /** Batches that are kept as they came, not yet put in order by series. */
  readonly batches: number
}

/**
 * Where metrics are kept: one interface, several Layers.
 *
 * Whatever `commit`, `commitPlain` and `skip` answered is durable as far as
 * the Layer's medium goes, and only then published to `live`.
 */
export class MetricStore extends Context.Tag("metrics-collector/store/MetricStore")<MetricStore, {
  /** Random id made with the store: it tells a restored or exchanged store. */
  readonly id: string
  /**
   * Takes the streams of a `hello`, in one transaction: makes those that are new,
   * forgets rejections below `acked`, and answers for each, in their order, what
   * is expected next. An owner that `isCurrentOwner` no longer knows gives way to
   * the new one; where one stream has another, none is opened.
   */
  readonly openStreams: (
    writers: ReadonlyArray<StreamWriter>,
    isCurrentOwner: (owner: string) => boolean
  ) => Effect.Effect<ReadonlyArray<OpenedStream>, StoreError | StreamOwnedError>
  /**
   * Checks contiguity and stores points, rejections and the new `next` in one transaction. Points that are beyond the
   * retention are not stored, and written down as a loss in it.
   */
  readonly commit: (batch: StreamBatch) => Effect.Effect<CommitResult, StoreError | StreamOwnedError>
  /**
   * Declares that the offsets `from` ≤ o < `to` will never come. With `loss` they
   * never were metrics, and tell of a loss of the collector.
   */
  readonly skip: (
    writer: StreamWriter,
    from: number,
    to: number,
    reason: string,
    loss?: CollectorLoss
  ) => Effect.Effect<CommitResult, StoreError | StreamOwnedError>
  /**
   * Stores points of plain mode, which have no stream. Answers the places of those that are beyond the retention, which
   * were not stored.
   */
  readonly commitPlain: (points: Points) => Effect.Effect<ReadonlyArray<number>, StoreError>
  readonly query: (query: StoreQuery) => Effect.Effect<QueryAnswer, StoreError | QueryError>
  /**
   * The same as the text of `GET /api/query`. Where another thread reads, it writes too, and this one does no more than
   * hand bytes on.
   */
  readonly queryText: (query: StoreQuery) => Effect.Effect<QueryText, StoreError | QueryError>
  readonly series: (filter: SeriesFilter) => Effect.Effect<ReadonlyArray<SeriesInfo>, StoreError | QueryError>
  /** The newest point of each series; points more than 5 min in the future do not count. */
  readonly latest: (filter: SeriesFilter) => Effect.Effect<ReadonlyArray<LatestPoint>, StoreError | QueryError>
  /** A filter for points that are not asked for but come by, as those of `live`. */
  readonly matcher: (filter: SeriesFilter) => Effect.Effect<StoreMatcher, QueryError>
  /** The newest losses, of one sender where it is named. */
  readonly losses: (limit: number, sender?: string) => Effect.Effect<ReadonlyArray<StoredLoss>, StoreError>
  readonly streams: Effect.Effect<ReadonlyArray<StreamInfo>, StoreError>
  readonly stats: Effect.Effect<StoreStats, StoreError>
  /** Succeeds when the store reads and writes; fails with what the newest write failed with. */
  readonly ready: Effect.Effect<void, StoreError>
  /**
   * Deletes points older than `before` (ms since the epoch), without it those beyond the store's retention, and then
   * what no longer needs to be known of senders; answers how many points went.
   */
  readonly expire: (before?: number) => Effect.Effect<number, StoreError>
  /**
   * Points as they are committed, one element a commit. A reader that is slow
   * loses the oldest (at most `capacity` commits are kept for it) and sees a
   * gap in `sequence`.
   */
  readonly live: (capacity: number) => Stream.Stream<{ readonly sequence: number; readonly points: Points }>
}>() {}
