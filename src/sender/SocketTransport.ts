import { Clock, Duration, Effect, Either, Fiber, Redacted, type Scope } from "effect"
import type { PipelineStatus } from "../telemetry/PipelineStatus.js"
import type { Endpoint } from "../wire/Endpoint.js"
import {
  CLOSE_SUPERSEDED,
  decodeServerFrame,
  encodeFrame,
  type ErrorFrame,
  PROTOCOL_VERSION,
  type ServerFrame,
  SUBPROTOCOL,
  type Welcome
} from "../wire/Frames.js"
import { type FrameSource, nextFrame, type OutgoingFrame } from "./delivery/EntryFrame.js"
import { joinAcks } from "./delivery/joinAcks.js"
import type { JoinedLimit } from "./delivery/JoinedLimit.js"
import type { Positions } from "./delivery/Positions.js"
import { type SocketConnection, SocketConnector, type SocketError } from "./delivery/SocketConnector.js"
import type { Outbox, OutboxError, OutboxStream } from "./Outbox.js"
import { DeliveryFailure, DeliveryRefused } from "./SenderErrors.js"

/** Time for the handshake, and for the answer to `hello`. */
export const SOCKET_TIMEOUT = Duration.seconds(5)

/** How long a server may be silent, or leave a batch without an answer, before its connection is given up. */
export const LONGEST_SILENCE = Duration.seconds(30)

/** How often it is asked for a sign of life, and looked at whether one came. */
export const WATCH_STEP = Duration.seconds(5)

/**
 * Looks in a row, {@link WATCH_STEP} apart, at which nothing has changed, after
 * which a connection is given up. They are counted because a wall clock may be
 * set back while nobody answers.
 */
export const QUIET_LOOKS = Math.ceil(Duration.toMillis(LONGEST_SILENCE) / Duration.toMillis(WATCH_STEP))

// `Effect.never` holds a timer of the system.
const forever: Effect.Effect<never> = Effect.async(() => {})

// Gaps in a row after which the two sides do not understand each other.
const maxGaps = 3

// Answers that may wait before no more are read.
const maxArrived = 64

/** What a socket needs of its sender. */
export interface SocketTransportOptions {
  readonly outbox: typeof Outbox.Service
  readonly positions: Positions
  readonly connector: typeof SocketConnector.Service
  readonly status: PipelineStatus["sender"]
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** What batches over a socket need beside it. */
export interface BatchSocketOptions extends SocketTransportOptions {
  /** Most streams that one hello names. */
  readonly mostOffered: number
  readonly joined: JoinedLimit
}

/** The header that shows a token. */
export const authorization = (token: Redacted.Redacted | undefined): Readonly<Record<string, string>> =>
  token === undefined ? {} : { authorization: `Bearer ${Redacted.value(token)}` }

/** A connection on which the server has welcomed us. */
export interface SocketSession {
  readonly connection: SocketConnection
  readonly welcome: Welcome
  /** What we said we hold, oldest first. */
  readonly offered: ReadonlyArray<OutboxStream>
  /** Whether there are newer streams, for the next session. */
  readonly isPart: boolean
}

type Failure = DeliveryFailure | DeliveryRefused | OutboxError

const permanentCodes = new Set(["protocol", "stream-owned", "too-large"])

const ofErrorFrame = ({ code, message }: ErrorFrame): DeliveryFailure | DeliveryRefused =>
  permanentCodes.has(code)
    ? new DeliveryRefused({ message: `the server refuses what we send (${code}): ${message}` })
    : new DeliveryFailure({ message: `the server answered with an error (${code}): ${message}` })

const isProblem = (body: string | undefined): boolean => {
  const parsed = Either.try((): unknown => JSON.parse(body ?? ""))
  return Either.isRight(parsed) && typeof parsed.right === "object" && parsed.right !== null &&
    "code" in parsed.right && "message" in parsed.right
}

// As `ws` says it.
const noSubprotocol = "Server sent no subprotocol"

const notAServerOfOurs = "is it a metrics-collector server? (--plain sends plain JSON to servers of another kind)"

// A proxy may refuse only sockets, and then HTTP still goes through; when the
// refusal is one of a server of ours, HTTP would be refused as well.
/** What an error of a socket means for delivery. */
export const ofSocketError = (error: SocketError): DeliveryFailure | DeliveryRefused => {
  if ((error.status === 401 || error.status === 403) && isProblem(error.body)) {
    return new DeliveryRefused({ message: `${error.message}: check the token of this sender (--token)` })
  }
  return new DeliveryFailure({
    message: error.code === CLOSE_SUPERSEDED
      ? "another sender has taken over our stream; is a copy of this outbox in use elsewhere?"
      : error.message === noSubprotocol
      ? `the WebSocket does not speak ${SUBPROTOCOL}; ${notAServerOfOurs}`
      : error.message,
    retryAfterMillis: error.retryAfterMillis
  })
}

const notOurs = (problem: string): DeliveryFailure =>
  new DeliveryFailure({ message: `the server sent what is no frame of the protocol: ${problem}; ${notAServerOfOurs}` })

const receiveFrame = (connection: SocketConnection): Effect.Effect<ServerFrame, DeliveryFailure | DeliveryRefused> =>
  Effect.flatMap(Effect.mapError(connection.receive, ofSocketError), (text) => {
    const frame = decodeServerFrame(text)
    return Either.isLeft(frame) ? Effect.fail(notOurs(frame.left)) : Effect.succeed(frame.right)
  })

/** Gives up after the time for a handshake; `what` says what did not happen. */
export const within = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  what: string
): Effect.Effect<A, E | DeliveryFailure, R> =>
  Effect.timeoutFail(effect, {
    duration: SOCKET_TIMEOUT,
    onTimeout: () => new DeliveryFailure({ message: `${what} within ${Duration.format(SOCKET_TIMEOUT)}` })
  })

interface Greeting {
  readonly connector: typeof SocketConnector.Service
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly sender: string
  /** What we have for the server, oldest first; asked for once the socket is open. */
  readonly streams: Effect.Effect<ReadonlyArray<OutboxStream>, OutboxError>
  readonly mostOffered: number
}

/** Opens a socket and says hello. */
const greet = (
  { connector, headers, mostOffered, sender, streams, url }: Greeting
): Effect.Effect<SocketSession, Failure, Scope.Scope> =>
  Effect.gen(function*() {
    const connection = yield* within(
      Effect.mapError(connector.connect({ url, protocol: SUBPROTOCOL, headers }), ofSocketError),
      "the socket did not open"
    )
    const held = yield* streams
    const offered = held.slice(0, mostOffered)
    const hello = encodeFrame({
      type: "hello",
      protocol: PROTOCOL_VERSION,
      sender,
      streams: offered.map(({ acked, next, stream }) => ({ stream, acked, next })),
      time: yield* Clock.currentTimeMillis,
      capabilities: []
    })
    const welcomed = Effect.gen(function*() {
      yield* Effect.mapError(connection.send(hello), ofSocketError)
      const frame = yield* receiveFrame(connection)
      if (frame.type === "error") return yield* ofErrorFrame(frame)
      if (frame.type === "busy") {
        return yield* new DeliveryFailure({
          message: "the server is busy",
          retryAfterMillis: frame.retryAfterMillis
        })
      }
      if (frame.type !== "welcome") return yield* notOurs(`${frame.type} in place of welcome`)
      if (frame.protocol !== PROTOCOL_VERSION) {
        return yield* new DeliveryRefused({
          message: `the server speaks protocol ${frame.protocol}, this sender ${PROTOCOL_VERSION}; ` +
            "use the same version of metrics-collector on both sides"
        })
      }
      return frame
    })
    const welcome = yield* within(welcomed, `the server did not answer hello (${notAServerOfOurs})`)
    return { connection, welcome, offered, isPart: offered.length < held.length }
  })

/** Opens a socket and says hello; it lives as long as the scope. */
export const openSession = (
  { connector, headers, mostOffered, outbox, url }: BatchSocketOptions
): Effect.Effect<SocketSession, Failure, Scope.Scope> =>
  greet({ connector, headers, mostOffered, url, sender: outbox.sender, streams: outbox.streams })

/**
 * Tries whether a server of ours welcomes a sender on the socket of an
 * endpoint: says hello with nothing to deliver, and goes. Its failure says
 * what is wrong and what to do.
 */
export const probeSocket = (
  endpoint: Endpoint,
  token: Redacted.Redacted | undefined
): Effect.Effect<void, DeliveryFailure | DeliveryRefused | OutboxError, SocketConnector> =>
  Effect.flatMap(SocketConnector, (connector) =>
    Effect.scoped(greet({
      connector,
      url: endpoint.socketUrl,
      headers: authorization(token),
      sender: "check",
      streams: Effect.succeed([]),
      mostOffered: 0
    })))

/** Opens a latch whenever the outbox has more to deliver. */
export const openAtAppends = (
  { awaitAppend }: Pick<typeof Outbox.Service, "awaitAppend">,
  latch: Effect.Latch
): Effect.Effect<never> =>
  Effect.gen(function*() {
    while (true) {
      yield* awaitAppend
      latch.unsafeOpen()
    }
  })

interface UnderWay extends Pick<OutgoingFrame, "stream" | "end"> {
  /** Sent before the last rewind: whatever its answer, it is sent again. */
  stale: boolean
}

/**
 * Delivers over a session until it is lost: sends while fewer frames than the
 * window wait for their answer, and takes the answers. Where the hello named a
 * part of the streams, it ends when all of these is acknowledged: the next
 * session goes on behind them.
 */
export const deliverOverSocket = (
  options: BatchSocketOptions,
  { connection, isPart, offered, welcome }: SocketSession
): Effect.Effect<void, Failure> =>
  Effect.gen(function*() {
    const { joined, outbox, positions, status } = options
    const kick = Effect.unsafeMakeLatch(false)
    const defined = new Map<number, string>()
    let underWay: Array<UnderWay> = []
    let epoch = 0
    let answers = 0
    let gaps = 0
    let busy = false
    /** An answer is being taken: the outbox may wait for its disk. */
    let isTaking = false

    const expected = new Map(welcome.streams.map(({ next, stream }) => [stream, next]))
    yield* positions.open(offered)
    for (const { acked, stream } of offered) {
      const next = expected.get(stream)
      if (next === undefined) return yield* notOurs(`a welcome without the stream ${stream}`)
      yield* positions.place(stream, next, acked)
    }

    const rewindAll = (of: (one: UnderWay) => boolean) => {
      epoch++
      for (const one of underWay) if (of(one)) one.stale = true
    }

    const removeFirst = (of: (one: UnderWay) => boolean): UnderWay | undefined => {
      const at = underWay.findIndex(of)
      return at < 0 ? undefined : underWay.splice(at, 1)[0]
    }

    const waitBusy = (millis: number) =>
      Effect.sleep(Duration.millis(millis)).pipe(
        Effect.zipRight(Effect.sync(() => {
          busy = false
          kick.unsafeOpen()
        }))
      )
    let busyFiber: Fiber.RuntimeFiber<void> | undefined

    const take = (frame: ServerFrame): Effect.Effect<void, Failure, Scope.Scope> =>
      Effect.gen(function*() {
        answers++
        switch (frame.type) {
          case "ack": {
            const { next, rejected, stream } = frame
            yield* positions.acknowledge(stream, next, rejected)
            joined.answered()
            underWay = underWay.filter((one) => one.stream !== stream || one.end > next)
            gaps = 0
            break
          }
          case "gap": {
            const { next, stream } = frame
            const answered = removeFirst((one) => one.stream === stream)
            if (answered?.stale === true) break
            if (++gaps > maxGaps) {
              return yield* new DeliveryFailure({ message: `the server keeps asking for offset ${next} again` })
            }
            rewindAll((one) => one.stream === stream)
            yield* positions.place(stream, next)
            break
          }
          case "busy": {
            const answered = removeFirst(() => true)
            if (answered?.stale !== true) {
              rewindAll(() => true)
              yield* positions.rewind
            }
            if (!busy) status.lastError = "the server is busy"
            busy = true
            if (busyFiber !== undefined) yield* Fiber.interrupt(busyFiber)
            busyFiber = yield* Effect.forkScoped(waitBusy(frame.retryAfterMillis))
            break
          }
          case "error":
            // What was refused without an answer of its own would be waited for in vain.
            return yield* ofErrorFrame(frame)
          case "welcome":
            break
        }
        kick.unsafeOpen()
      })

    const source: FrameSource = {
      outbox,
      positions,
      isNeeded: (id, stream) => defined.get(id) !== stream,
      get most() {
        return Math.min(joined.bytes, welcome.maxBatchBytes / 4)
      }
    }

    /** Sends what comes next; answers whether there was anything. */
    const send: Effect.Effect<boolean, Failure> = Effect.gen(function*() {
      const before = epoch
      const frame = yield* nextFrame(source)
      if (frame === undefined) return false
      const { batches, end, first, stream, text } = frame
      if (text.length > welcome.maxBatchBytes && Buffer.byteLength(text) > welcome.maxBatchBytes) {
        return yield* new DeliveryRefused({
          message: `a batch of ${text.length} characters is more than the server takes (${welcome.maxBatchBytes} ` +
            "bytes); raise the limit of the server"
        })
      }
      // An answer sent the cursor back while the frame was made.
      if (epoch !== before) {
        positions.giveBack(stream, first, end)
        return true
      }
      for (const id of frame.defined) defined.set(id, stream)
      underWay.push({ stream, end, stale: false })
      yield* Effect.mapError(connection.send(text), ofSocketError)
      status.batchesSent += Math.max(1, batches)
      return true
    })

    const pump = Effect.gen(function*() {
      while (true) {
        kick.unsafeClose()
        let waiting = 0
        for (const one of underWay) if (!one.stale) waiting++
        const sent = !busy && waiting < welcome.window && (yield* send)
        if (!sent) yield* kick.await
      }
    })

    const watch = Effect.gen(function*() {
      let heard = yield* connection.heard
      let seen = answers
      let oldest = underWay[0]
      let silent = 0
      let unanswered = 0
      // A network that does not even take a ping must not hold up the watch.
      const ping = Effect.zipRight(Effect.mapError(connection.ping, ofSocketError), forever)
      const step = Effect.raceFirst(ping, Effect.sleep(WATCH_STEP))
      while (true) {
        yield* step
        const heardNow = yield* connection.heard
        silent = heardNow !== heard || (yield* connection.paused) ? 0 : silent + 1
        const isAnswered = answers !== seen || underWay[0] !== oldest || isTaking
        unanswered = isAnswered || oldest === undefined || busy ? 0 : unanswered + 1
        heard = heardNow
        seen = answers
        oldest = underWay[0]
        if (silent >= QUIET_LOOKS) {
          return yield* new DeliveryFailure({
            message: `no sign of life from the server for ${Duration.format(LONGEST_SILENCE)}`
          })
        }
        if (unanswered >= QUIET_LOOKS && !(yield* connection.paused)) {
          return yield* new DeliveryFailure({
            message: `the server did not answer a batch within ${Duration.format(LONGEST_SILENCE)}`
          })
        }
      }
    })

    // What a welcome confirms is acknowledged by the acks that follow it, which
    // repeat what was rejected. To a server that sends none it is sent again:
    // every answer to a batch says what became of it.
    const settleWelcome = Effect.gen(function*() {
      yield* Effect.sleep("1 second")
      yield* positions.resendConfirmed
      yield* kick.open
    })

    let arrived: Array<ServerFrame> = []
    const some = Effect.unsafeMakeLatch(false)
    const none = Effect.unsafeMakeLatch(true)
    // Loops rather than `Effect.forever`, which lets all other fibers run after each round.
    const receive = Effect.gen(function*() {
      while (true) {
        const frame = yield* receiveFrame(connection)
        arrived.push(frame)
        none.unsafeClose()
        some.unsafeOpen()
        if (arrived.length >= maxArrived) yield* none.await
      }
    }).pipe(
      // What came before the end counts: it may say why.
      Effect.catchAll((error) => Effect.zipRight(none.await, Effect.fail(error)))
    )
    const answer = Effect.gen(function*() {
      while (!isPart || !positions.isDelivered()) {
        yield* some.await
        some.unsafeClose()
        const frames = joinAcks(arrived)
        arrived = []
        isTaking = true
        for (const frame of frames) yield* take(frame)
        isTaking = false
        if (arrived.length === 0) none.unsafeOpen()
      }
    })
    const notice = openAtAppends(outbox, kick)
    const attend = Effect.all([pump, receive, notice, watch, settleWelcome], {
      concurrency: "unbounded",
      discard: true
    })
    yield* Effect.scoped(Effect.raceFirst(answer, Effect.zipRight(attend, forever))).pipe(
      Effect.tapError(() =>
        Effect.sync(() => {
          if (underWay.length > 0) joined.lost()
        })
      )
    )
  })
