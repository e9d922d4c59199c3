import { Array as Arr, Cause, Effect, Either } from "effect"
import type {
  CommitResult,
  MetricStore,
  Rejection,
  StoreError,
  StreamOwnedError,
  StreamWriter
} from "../../store/MetricStore.js"
import { applyDefinitions, type BatchFrame, definitionsIn, type Dictionary } from "../../wire/BatchCodec.js"
import {
  decodeClientValue,
  encodeFrame,
  type ErrorCode,
  type Hello,
  parseJson,
  PROTOCOL_VERSION,
  type Skip
} from "../../wire/Frames.js"
import { commitBatch, commitSkip, isPassing, prepareBatch, storeProblem } from "../Ingest.js"
import type { ServerCounters } from "../ServerCounters.js"
import type { Reply, SocketSession } from "./SocketSession.js"

/** What a connection in batch mode needs of its server. */
export interface BatchSessionOptions {
  readonly store: typeof MetricStore.Service
  readonly counters: ServerCounters
  /** Who holds the connection's token. */
  readonly owner: string
  readonly isCurrentOwner: (owner: string) => boolean
  readonly window: number
  readonly maxBatchBytes: number
  /** Makes this connection the one of a stream; an older one is closed. */
  readonly takeOver: (stream: string) => void
}

// A client that never repeats an id would fill the memory with definitions.
const maxDefinitions = 200_000
const maxDefinedBytes = 64 * 1_048_576

// A hello of as many nearly fills a frame; each stream is a row of the store.
const maxStreams = 10_000

// Streams that are opened in one commit: more than a sender of ours names in a
// hello, and few enough for a turn of the event loop.
const streamsOfCommit = 250

const busyMillis = 1_000

// Past this many, an ack tells only those rejections that no ack of the
// connection told before: a sender that never says hello again would get all
// of them with every ack.
const maxRepeated = 1_000

const problem = (code: ErrorCode, message: string, fatal: boolean, closeCode = 1008): Reply => ({
  frames: [encodeFrame({ type: "error", code, message, fatal })],
  ...(fatal ? { close: { code: closeCode, reason: code } } : undefined)
})

/**
 * Batch mode: hello, welcome, then batches and skips, each answered after its
 * commit. The rules are in `docs/wire-protocol.md`.
 */
export const makeBatchSession = (options: BatchSessionOptions): SocketSession => {
  const { counters, owner, store } = options
  const writers = new Map<string, StreamWriter>()
  const dictionary: Dictionary = new Map()
  /** What each id's definition takes, in characters; one that is defined again counts once. */
  const definedSizes = new Map<number, number>()
  let definedBytes = 0
  /** Of each stream: the rejections before this offset were told on this connection. */
  const told = new Map<string, number>()

  const ack = (stream: string, next: number, rejected: ReadonlyArray<Rejection>): string => {
    told.set(stream, next)
    return encodeFrame({ type: "ack", stream, next, rejected })
  }

  const news = (stream: string, rejected: ReadonlyArray<Rejection>): ReadonlyArray<Rejection> => {
    const before = told.get(stream) ?? 0
    return rejected.length <= maxRepeated ? rejected : rejected.filter(([offset]) => offset >= before)
  }

  const answer = (stream: string, result: CommitResult): Reply => ({
    frames: [
      result._tag === "Gap"
        ? encodeFrame({ type: "gap", stream, next: result.next })
        : ack(stream, result.next, news(stream, result.rejected))
    ]
  })

  const recover = (cause: Cause.Cause<StoreError | StreamOwnedError>): Effect.Effect<Reply> => {
    const failed = Cause.failureOption(cause)
    if (failed._tag === "Some") {
      const error = failed.value
      if (error._tag === "StreamOwnedError") {
        return Effect.succeed(
          problem("stream-owned", `the stream ${error.stream} was opened with another token`, true)
        )
      }
      if (isPassing(error)) {
        counters.busy++
        return Effect.succeed({ frames: [encodeFrame({ type: "busy", retryAfterMillis: busyMillis })] })
      }
      return Effect.as(
        Effect.logError("A frame could not be stored", cause),
        problem("internal", storeProblem(error), true, 1011)
      )
    }
    if (Cause.isInterruptedOnly(cause)) return Effect.succeed({ frames: [] })
    return Effect.as(
      Effect.logError("A frame could not be handled", cause),
      problem("internal", "the server failed; its log says more", true, 1011)
    )
  }

  const hello = (frame: Hello): Effect.Effect<Reply, StoreError | StreamOwnedError> => {
    if (frame.protocol !== PROTOCOL_VERSION) {
      return Effect.succeed(problem(
        "protocol",
        `this server speaks protocol ${PROTOCOL_VERSION}, not ${frame.protocol}; use a metrics-collector of its version`,
        true
      ))
    }
    const fresh = new Set(frame.streams.map(({ stream }) => stream).filter((stream) => !writers.has(stream)))
    if (writers.size + fresh.size > maxStreams) {
      return Effect.succeed(
        problem(
          "too-many-streams",
          `more than ${maxStreams} streams on one connection; deliver some over HTTP or another one`,
          true
        )
      )
    }
    const opened = frame.streams.map(({ acked, stream }): StreamWriter => ({
      stream,
      sender: frame.sender,
      owner,
      acked
    }))
    for (const writer of opened) {
      writers.set(writer.stream, writer)
      told.delete(writer.stream)
    }
    return Effect.gen(function*() {
      const welcomed: Array<{ readonly stream: string; readonly next: number }> = []
      const acks: Array<string> = []
      for (const some of Arr.chunksOf(opened, streamsOfCommit)) {
        const found = yield* store.openStreams(some, options.isCurrentOwner)
        for (const [i, { acked, stream }] of some.entries()) {
          const { next, rejected } = found[i]
          options.takeOver(stream)
          welcomed.push({ stream, next })
          if (next > acked || rejected.length > 0) acks.push(ack(stream, next, rejected))
        }
      }
      const welcome = encodeFrame({
        type: "welcome",
        protocol: PROTOCOL_VERSION,
        store: store.id,
        streams: welcomed,
        window: options.window,
        maxBatchBytes: options.maxBatchBytes,
        capabilities: ["gzip"]
      })
      return { frames: [welcome, ...acks] }
    })
  }

  const notOpened = (stream: string): Reply =>
    problem("protocol", `the stream ${stream} was not named in a hello on this connection`, true)

  const batch = (frame: BatchFrame): Effect.Effect<Reply, StoreError | StreamOwnedError> => {
    const writer = writers.get(frame.stream)
    if (writer === undefined) return Effect.succeed(notOpened(frame.stream))
    const prepared = prepareBatch(frame, dictionary, writer)
    if (Either.isLeft(prepared)) {
      const ids = prepared.left.unknown.slice(0, 10).join(", ")
      return Effect.succeed(
        problem("unknown-series", `ids that were not defined on this connection: ${ids}; define them again`, true)
      )
    }
    return Effect.map(commitBatch(store, counters, prepared.right), (result) => answer(frame.stream, result))
  }

  const skip = (frame: Skip): Effect.Effect<Reply, StoreError | StreamOwnedError> => {
    const writer = writers.get(frame.stream)
    if (writer === undefined) return Effect.succeed(notOpened(frame.stream))
    return Effect.map(commitSkip(store, writer, frame), (result) => answer(frame.stream, result))
  }

  const countDefined = (id: number, definition: object): void => {
    const size = JSON.stringify(definition).length
    definedBytes += size - (definedSizes.get(id) ?? 0)
    definedSizes.set(id, size)
  }

  return {
    mode: "batch",
    handle: (text) =>
      Effect.suspend(() => {
        const json = parseJson(text)
        if (Either.isLeft(json)) return Effect.succeed(problem("bad-frame", json.left, false))
        const applied = applyDefinitions(dictionary, definitionsIn(json.right), countDefined)
        if (dictionary.size > maxDefinitions || definedBytes > maxDefinedBytes) {
          return Effect.succeed(
            problem(
              "too-many-series",
              `more than ${maxDefinitions} series, or 64 MiB of their names, on one connection; connect again`,
              true
            )
          )
        }
        const decoded = Either.flatMap(applied, () => decodeClientValue(json.right))
        if (Either.isLeft(decoded)) return Effect.succeed(problem("bad-frame", decoded.left, false))
        const frame = decoded.right
        switch (frame.type) {
          case "hello":
            return hello(frame)
          case "batch":
            return batch(frame)
          case "skip":
            return skip(frame)
        }
      }).pipe(Effect.catchAllCause(recover)),
    unreadable: (code, message) => problem(code, message, code === "too-large", 1009)
  }
}
