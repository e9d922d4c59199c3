import { Clock, Effect, Either, Layer } from "effect"
import * as crypto from "node:crypto"
import type { Points } from "../domain/Series.js"
import {
  type CommitResult,
  MetricStore,
  type Rejection,
  type StoredLoss,
  StreamOwnedError,
  type StreamInfo,
  type StreamWriter
} from "./MetricStore.js"
import { makeLiveFeed } from "./LiveFeed.js"
import { makeScan } from "./Scan.js"
import { SeriesIndex } from "./SeriesIndex.js"
import { admit } from "./StreamAdmission.js"

interface StreamState {
  sender: string
  owner: string
  next: number
  rejectedCount: number
  firstSeen: number
  lastSeen: number
  rejections: Array<Rejection>
}

const slice = (points: Points, keep: (index: number) => boolean): Points => {
  const indexes = points.time.map((_, index) => index).filter(keep)
  return {
    series: indexes.map((i) => points.series[i]),
    time: indexes.map((i) => points.time[i]),
    value: indexes.map((i) => points.value[i]),
    fields: indexes.map((i) => points.fields[i])
  }
}

const make = Effect.gen(function*() {
  const { live, publish } = yield* makeLiveFeed
  const streams = new Map<string, StreamState>()
  const losses: Array<StoredLoss> = []
  const index = new SeriesIndex()
  let rows: Array<{ readonly row: number; readonly points: Points }> = []
  let nextRow = 1

  const stream = (writer: StreamWriter, now: number): StreamState => {
    const known = streams.get(writer.stream)
    if (known !== undefined) return known
    const made: StreamState = {
      sender: writer.sender,
      owner: writer.owner,
      next: 0,
      rejectedCount: 0,
      firstSeen: now,
      lastSeen: now,
      rejections: []
    }
    streams.set(writer.stream, made)
    return made
  }

  const owned = (writer: StreamWriter, now: number): Either.Either<StreamState, StreamOwnedError> => {
    const state = stream(writer, now)
    return state.owner === writer.owner
      ? Either.right(state)
      : Either.left(new StreamOwnedError({ stream: writer.stream }))
  }

  const forget = (state: StreamState, acked: number): void => {
    state.rejections = state.rejections.filter(([offset]) => offset >= acked)
  }

  const append = (points: Points, now: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (points.time.length === 0) return Effect.void
      rows.push({ row: nextRow++, points })
      index.add(points, now)
      return publish(points)
    })

  const committed = (state: StreamState, stored: number): CommitResult => ({
    _tag: "Committed",
    next: state.next,
    rejected: [...state.rejections],
    stored
  })

  const store: typeof MetricStore.Service = {
    id: crypto.randomUUID(),
    openStream: (writer, isCurrentOwner) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const state = stream(writer, now)
        if (state.owner !== writer.owner && state.owner !== "" && isCurrentOwner(state.owner)) {
          return Effect.fail(new StreamOwnedError({ stream: writer.stream }))
        }
        state.owner = writer.owner
        state.sender = writer.sender
        state.lastSeen = now
        forget(state, writer.acked)
        return Effect.succeed({ next: state.next, rejected: [...state.rejections] })
      }),
    commit: (batch) =>
      Effect.gen(function*() {
        const now = yield* Clock.currentTimeMillis
        const state = yield* owned(batch, now)
        const admitted = admit(batch, state.next)
        if (admitted === undefined) return { _tag: "Gap", next: state.next }
        forget(state, batch.acked)
        state.next = admitted.next
        state.lastSeen = now
        state.rejections.push(...admitted.rejected)
        state.rejectedCount += admitted.rejected.length
        const points = slice(batch.points, (i) => i >= admitted.from)
        yield* append(points, now)
        return committed(state, points.time.length)
      }),
    skip: (writer, from, to, reason) =>
      Effect.gen(function*() {
        const now = yield* Clock.currentTimeMillis
        const state = yield* owned(writer, now)
        if (from > state.next) return { _tag: "Gap", next: state.next }
        forget(state, writer.acked)
        if (to > state.next) {
          losses.push({
            stream: writer.stream,
            sender: writer.sender,
            fromOffset: state.next,
            toOffset: to,
            count: to - state.next,
            reason,
            at: now
          })
          state.next = to
        }
        state.lastSeen = now
        return committed(state, 0)
      }),
    commitPlain: (points) => Effect.flatMap(Clock.currentTimeMillis, (now) => append(points, now)),
    query: (query) =>
      Effect.gen(function*() {
        const scan = yield* makeScan(query)
        for (const { points, row } of rows) yield* scan.add(row, points)
        return scan.answer()
      }),
    series: (filter) => Effect.sync(() => index.series(filter)),
    latest: (filter) => Effect.map(Clock.currentTimeMillis, (now) => index.latest(filter, now)),
    losses: (limit) => Effect.sync(() => losses.slice(-limit).reverse()),
    streams: Effect.sync(() =>
      Array.from(streams, ([stream, { firstSeen, lastSeen, next, rejectedCount, sender }]): StreamInfo => ({
        stream,
        sender,
        next,
        rejected: rejectedCount,
        firstSeen,
        lastSeen
      }))
    ),
    stats: Effect.sync(() => ({ series: index.size, points: index.points, bytes: 0, batches: rows.length })),
    expire: (before) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const held = index.points
        rows = rows
          .map(({ points, row }) => ({ row, points: slice(points, (i) => points.time[i] >= before) }))
          .filter(({ points }) => points.time.length > 0)
        index.clear()
        for (const { points } of rows) index.add(points, now)
        return held - index.points
      }),
    live
  }
  return store
})

/** A store in memory: for tests, and for programs that want no file. It ends with the process. */
export const MemoryMetricStore: { readonly layer: Layer.Layer<MetricStore> } = {
  layer: Layer.effect(MetricStore, make)
}
