import { Effect, Either } from "effect"
import type {
  CommitResult,
  MetricStore,
  StoreError,
  StreamBatch,
  StreamOwnedError,
  StreamWriter
} from "../store/MetricStore.js"
import { type BatchFrame, type Dictionary, readPoints, type UnknownSeries } from "../wire/BatchCodec.js"
import type { Skip } from "../wire/Frames.js"
import type { ServerCounters } from "./ServerCounters.js"

/** Checks the points of a batch frame; fails only when it uses ids that were never defined. */
export const prepareBatch = (
  frame: BatchFrame,
  dictionary: Dictionary,
  writer: StreamWriter
): Either.Either<StreamBatch, UnknownSeries> =>
  Either.map(readPoints(frame, dictionary), ({ fields, offset, rejected, series, time, value }) => ({
    ...writer,
    first: frame.first,
    count: frame.series.length,
    points: { series, time, value, fields },
    offset,
    rejected
  }))

type StoreService = typeof MetricStore.Service

/** Commits a batch and counts what became of it. */
export const commitBatch = (
  store: StoreService,
  counters: ServerCounters,
  batch: StreamBatch
): Effect.Effect<CommitResult, StoreError | StreamOwnedError> =>
  Effect.map(counters.commits.measure(store.commit(batch)), (result) => {
    if (result._tag === "Committed") {
      counters.batches++
      counters.points += result.stored
      // A batch that was sent again stores nothing, and its rejections were counted before.
      if (result.stored > 0 || batch.points.time.length === 0) counters.rejected += batch.rejected.length
    }
    return result
  })

/** Declares the skipped offsets of a stream as lost, or what of a loss they tell. */
export const commitSkip = (
  store: StoreService,
  writer: StreamWriter,
  skip: Skip
): Effect.Effect<CommitResult, StoreError | StreamOwnedError> => {
  const { from, loss, reason, to } = skip
  return store.skip(writer, from, to, reason, loss === undefined ? undefined : { ...loss, count: loss.count ?? null })
}

/**
 * Whether a failure passes: nothing was taken, and it may be sent again. The
 * store itself tells its operator of those.
 */
export const isPassing = ({ reason }: StoreError): boolean =>
  reason === "Full" || reason === "Unavailable" || reason === "Closed"

/** What to tell a client of a store error: what is wrong and whether to try again; causes stay in the log. */
export const storeProblem = (error: StoreError): string => {
  switch (error.reason) {
    case "Full":
      return "the server's store is full; it may be sent again when there is room"
    case "Unavailable":
      return "the server's store cannot be written now; send it again later"
    case "Closed":
      return "the server is stopping; send it again later"
    case "Corrupt":
      return "the server's store is damaged; its log says more"
    case "Failed":
      return "the server could not use its store; its log says more"
  }
}
