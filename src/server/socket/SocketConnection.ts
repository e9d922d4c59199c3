import { Cause, Effect } from "effect"
import { isUtf8 } from "node:buffer"
import type { RawData } from "ws"
import { nextTurn } from "../../domain/nextTurn.js"
import type { Incident } from "../door/Incidents.js"
import type { InFlight } from "../door/InFlight.js"
import { inflate } from "../ingest/inflate.js"
import type { ServerCounters } from "../ServerCounters.js"
import type { Reply, SocketSession } from "./SocketSession.js"

/** What a server needs of a WebSocket: one of `ws`, or one end of a simulated network. */
export interface ServedSocket {
  readonly readyState: number
  readonly OPEN: number
  readonly isPaused: boolean
  /** Bytes that were given to `send` and not yet to the network. */
  readonly bufferedAmount: number
  readonly on: {
    (event: "message", listener: (data: RawData, isBinary: boolean) => void): unknown
    (event: "ping" | "pong" | "error" | "close", listener: () => void): unknown
  }
  readonly send: (frame: string, sent: () => void) => void
  readonly ping: () => void
  readonly pause: () => void
  readonly resume: () => void
  readonly close: (code: number, reason: string) => void
  readonly terminate: () => void
}

/** What a connection needs of its server. */
export interface ConnectionOptions {
  readonly session: SocketSession
  readonly counters: ServerCounters
  readonly inFlight: InFlight
  readonly maxFrameBytes: number
  /** How many connections of the server may hold inflated frames at a time. */
  readonly inflation: Effect.Semaphore
  /** Tells of what this client did that its operator should hear of. */
  readonly note: (what: Incident, detail?: string) => void
  /** Starts an Effect in the server's scope. */
  readonly run: (effect: Effect.Effect<void>) => void
  readonly onClose: () => void
}

/** A WebSocket that is being served. */
export interface SocketConnection {
  /** Closes it with a code and a reason. */
  readonly close: (code: number, reason: string) => void
  /** Cuts it without a word. */
  readonly terminate: () => void
  /** Sends a ping; cuts the connection when nothing came since the last one, unless its reading is paused. */
  readonly watch: () => void
}

// Frames are handled together up to this many bytes, so that their commits
// share one write, and sockets get a turn in between.
const groupBytes = 1_048_576

// What a frame costs beside its bytes: the objects that carry it, so that a
// flood of tiny ones is bounded too.
const frameCost = 512

// A client that does not read its answers is cut past this many bytes of them.
const maxUnread = 8 * 1_048_576

const bufferOf = (data: RawData): Buffer =>
  Buffer.isBuffer(data) ? data : Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)

const gzipCodec = 1

interface Frame {
  readonly data: Buffer
  readonly isBinary: boolean
}

const isGzip = ({ data, isBinary }: Frame): boolean => isBinary && data[0] === gzipCodec

/**
 * Serves one WebSocket: hands its frames to the session in order, sends the
 * answers in order, and stops reading while this connection or the whole
 * server holds too many bytes.
 */
export const serveConnection = (ws: ServedSocket, options: ConnectionOptions): SocketConnection => {
  const { inFlight, maxFrameBytes, session } = options
  const pending: Array<Frame> = []
  const maxHeld = 2 * maxFrameBytes
  let held = 0
  let working = false
  let closed = false
  let heard = true

  const resumeIfRoom = (): void => {
    if (closed || !ws.isPaused || held > maxHeld / 2) return
    if (inFlight.isFull) inFlight.whenRoom(resumeIfRoom)
    else ws.resume()
  }

  const pauseIfFull = (): void => {
    if (ws.isPaused || (held < maxHeld && !inFlight.isFull)) return
    ws.pause()
    if (inFlight.isFull) inFlight.whenRoom(resumeIfRoom)
  }

  const hold = (bytes: number): void => {
    held += bytes
    inFlight.add(bytes)
  }

  const release = (bytes: number): void => {
    held -= bytes
    inFlight.remove(bytes)
  }

  const close = (code: number, reason: string): void => {
    if (closed) return
    closed = true
    // A paused socket would never read the other side's close frame.
    if (ws.isPaused) ws.resume()
    ws.close(code, reason)
  }

  const send = (reply: Reply): void => {
    if (closed) return
    for (const frame of reply.frames) ws.send(frame, () => {})
    if (reply.close !== undefined) {
      options.note("bad-socket", reply.close.reason)
      close(reply.close.code, reply.close.reason)
    } else if (ws.bufferedAmount > maxUnread) {
      options.note("unread")
      ws.terminate()
    }
  }

  // The bytes of a text frame were checked on arrival, those of a binary frame were not.
  const readText = (bytes: Buffer): Effect.Effect<string, Reply> =>
    isUtf8(bytes)
      ? Effect.succeed(bytes.toString("utf8"))
      : Effect.fail(session.unreadable("bad-frame", "the frame is not UTF-8"))

  const read = (frame: Frame, take: (bytes: number) => boolean): Effect.Effect<string, Reply> => {
    const { data, isBinary } = frame
    if (data.length > maxFrameBytes) {
      return Effect.fail(
        session.unreadable("too-large", `a frame of ${data.length} bytes; at most ${maxFrameBytes} are taken`)
      )
    }
    if (!isBinary) return Effect.succeed(data.toString("utf8"))
    if (isGzip(frame)) {
      return inflate(data.subarray(1), maxFrameBytes, take).pipe(
        Effect.mapError((error) =>
          error.code === "too-large"
            ? session.unreadable("too-large", `a frame of more than ${maxFrameBytes} bytes after gunzip`)
            : session.unreadable("bad-frame", error.message)
        ),
        Effect.flatMap(readText)
      )
    }
    if (session.mode === "plain") return readText(data)
    return Effect.fail(
      session.unreadable("bad-frame", `a binary frame begins with its codec; ${data[0] ?? "nothing"} is none (1: gzip)`)
    )
  }

  const handleGroup: Effect.Effect<void> = Effect.suspend(() => {
    let bytes = 0
    const group = Effect.gen(function*() {
      const answers: Array<Effect.Effect<Reply>> = []
      while (bytes < groupBytes) {
        const frame = pending.shift()
        if (frame === undefined) break
        bytes += frame.data.length + frameCost
        // Read here, one after the other: inflating takes turns of its own and must not change the order.
        const text = yield* Effect.either(read(frame, (inflated) => {
          bytes += inflated
          hold(inflated)
          return true
        }))
        answers.push(text._tag === "Left" ? Effect.succeed(text.left) : session.handle(text.right))
      }
      for (const reply of yield* Effect.all(answers, { concurrency: "unbounded" })) send(reply)
    }).pipe(Effect.ensuring(Effect.sync(() => release(bytes))))
    return pending.some(isGzip) ? options.inflation.withPermits(1)(group) : group
  })

  const work: Effect.Effect<void> = Effect.gen(function*() {
    while (pending.length > 0 && !closed) {
      yield* handleGroup
      resumeIfRoom()
      if (pending.length > 0) yield* nextTurn
    }
  }).pipe(
    Effect.catchAllCause((cause) =>
      Cause.isInterruptedOnly(cause) ? Effect.void : Effect.zipRight(
        Effect.logError("A connection failed", cause),
        Effect.sync(() => close(1011, "internal"))
      )
    ),
    // A frame may have come between the last look and the end.
    Effect.ensuring(Effect.sync(() => {
      working = false
      startWork()
    }))
  )

  const startWork = (): void => {
    if (working || closed || pending.length === 0) return
    working = true
    options.run(work)
  }

  ws.on("message", (message, isBinary) => {
    heard = true
    if (closed) return
    const data = bufferOf(message)
    options.counters.bytes += data.length
    hold(data.length + frameCost)
    pending.push({ data, isBinary })
    pauseIfFull()
    startWork()
  })
  ws.on("pong", () => {
    heard = true
  })
  ws.on("ping", () => {
    heard = true
  })
  // Without a listener an error on the socket would end the process; `close` follows it.
  ws.on("error", () => {})
  ws.on("close", () => {
    closed = true
    inFlight.forget(resumeIfRoom)
    let left = 0
    for (const { data } of pending.splice(0)) left += data.length + frameCost
    release(left)
    options.onClose()
  })

  return {
    close,
    terminate: () => {
      closed = true
      ws.terminate()
    },
    watch: () => {
      if (ws.isPaused) {
        heard = true
        return
      }
      if (!heard) return ws.terminate()
      heard = false
      if (ws.readyState === ws.OPEN) ws.ping()
    }
  }
}
