import { Duration, Effect, type Scope } from "effect"
import type { SocketConnection } from "../delivery/SocketConnector.js"
import type { TransportFailure } from "../delivery/Transports.js"
import { DeliveryFailure } from "../SenderErrors.js"
import {
  LONGEST_SILENCE,
  ofSocketError,
  openAtAppends,
  QUIET_LOOKS,
  type SocketTransportOptions,
  WATCH_STEP,
  within
} from "../SocketTransport.js"
import { readPlainReply } from "./PlainAnswer.js"
import type { PlainDelivery } from "./PlainDelivery.js"
import type { PlainPiece } from "./PlainPieces.js"

/** How long a server that has never answered a frame is given to answer the first one of a connection. */
export const ANSWER_PATIENCE = Duration.seconds(2)

// Frames that may wait for an answer, or for the sign that they were read.
const windowSize = 8

/** What is known of a server over all connections to it. */
export interface PlainServer {
  /**
   * It answers every frame. One answer shows it; a connection on which it
   * answers nothing takes it back, because some answer only what they refuse.
   */
  answers: boolean
  /** Whether the log was told that it does not. */
  isCalledSilent: boolean
}

interface UnderWay {
  readonly piece: PlainPiece
  /** How many of its metrics may have arrived earlier. */
  readonly again: number
  /** Whether the network has taken it: a ping that follows proves nothing of what comes after it. */
  isSent: boolean
}

/** Opens a WebSocket without a subprotocol; it lives as long as the scope. */
export const openPlainSocket = (
  { connector, headers, url }: Pick<SocketTransportOptions, "connector" | "headers" | "url">
): Effect.Effect<SocketConnection, TransportFailure, Scope.Scope> =>
  within(Effect.mapError(connector.connect({ url, headers }), ofSocketError), "the socket did not open")

/**
 * Delivers in plain mode over a socket until it is lost. Where the server
 * answers frames, an answer acknowledges the oldest frame that has none. Where
 * it does not, the pong to a ping that followed a frame does: the server has
 * read it, and whether it stores it nobody can say.
 */
export const deliverPlainOverSocket = (
  options: SocketTransportOptions,
  plain: PlainDelivery,
  server: PlainServer,
  connection: SocketConnection
): Effect.Effect<never, TransportFailure> =>
  Effect.gen(function*() {
    const { outbox, positions, status } = options
    const kick = Effect.unsafeMakeLatch(false)
    const some = Effect.unsafeMakeLatch(false)
    const settling = yield* Effect.makeSemaphore(1)
    const underWay: Array<UnderWay> = []
    let isSilent = false
    /** What was answered is being acknowledged: the outbox may wait for its disk. */
    let isSettling = false
    let handedOver = 0
    let answered = 0

    yield* positions.open(yield* outbox.streams)

    /** One after the other. */
    const inTurn = <A, E>(settle: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      settling.withPermits(1)(Effect.acquireUseRelease(
        Effect.sync(() => {
          isSettling = true
        }),
        () => settle,
        () =>
          Effect.sync(() => {
            isSettling = false
          })
      ))

    /** Acknowledges what only moves the stream on, as far as nothing before it is under way. */
    const settleEmpty = Effect.gen(function*() {
      while (underWay.length > 0 && underWay[0].piece.offsets.length === 0) {
        yield* plain.passOver(underWay[0].piece)
        underWay.shift()
      }
      kick.unsafeOpen()
    })

    /** Acknowledges the oldest frame. */
    const settleOldest = (acknowledge: (one: UnderWay) => Effect.Effect<void, TransportFailure>) =>
      Effect.gen(function*() {
        const oldest = underWay[0]
        if (oldest === undefined) return
        yield* acknowledge(oldest)
        underWay.shift()
        yield* settleEmpty
      })

    const send = (piece: PlainPiece): Effect.Effect<void, TransportFailure> =>
      Effect.gen(function*() {
        while (underWay.length >= windowSize) {
          kick.unsafeClose()
          yield* kick.await
        }
        const { again } = yield* plain.note(piece)
        const one: UnderWay = { piece, again, isSent: false }
        underWay.push(one)
        if (piece.offsets.length === 0) {
          yield* inTurn(settleEmpty)
          return
        }
        yield* Effect.mapError(connection.send(piece.body), ofSocketError)
        one.isSent = true
        some.unsafeOpen()
        status.batchesSent++
      })

    const pump = Effect.gen(function*() {
      while (true) {
        kick.unsafeClose()
        const outgoing = yield* positions.next
        if (outgoing === undefined) yield* kick.await
        else for (const piece of yield* plain.pieces(outgoing)) yield* send(piece)
      }
    })

    const take = (text: string): Effect.Effect<void, TransportFailure> =>
      Effect.gen(function*() {
        const oldest = underWay[0]
        const reply = readPlainReply(text, oldest?.piece.offsets.length ?? Infinity)
        // A greeting or news of the server, before it can have anything of ours to answer.
        if (reply === undefined || (oldest === undefined && handedOver === 0)) return
        server.answers = true
        answered++
        if (isSilent) {
          if (reply._tag === "Failed") yield* plain.refusedLate("unknown", reply.message)
          else if (reply.verdict.rejected.length > 0) {
            yield* plain.refusedLate(reply.verdict.rejected.length, reply.verdict.rejected[0][1])
          }
          return yield* new DeliveryFailure({
            message: "the server answers frames after all, and later than it was given time; connecting again"
          })
        }
        if (reply._tag === "Failed") {
          return yield* new DeliveryFailure({ message: `the server answered with an error: ${reply.message}` })
        }
        yield* settleOldest(({ again, piece }) => plain.taken(piece, again, reply.verdict))
      })

    const receive = Effect.forever(
      Effect.flatMap(Effect.mapError(connection.receive, ofSocketError), (text) => inTurn(take(text)))
    )

    const roundTrip = Effect.timeoutFail(Effect.mapError(connection.roundTrip, ofSocketError), {
      duration: LONGEST_SILENCE,
      onTimeout: () =>
        new DeliveryFailure({
          message: `no sign of life from the server for ${Duration.format(LONGEST_SILENCE)}`
        })
    })

    const handOverTo = (last: UnderWay): Effect.Effect<void, TransportFailure> =>
      Effect.gen(function*() {
        while (!server.answers && underWay.includes(last)) {
          yield* settleOldest(({ piece }) => {
            handedOver++
            return plain.handedOver(piece)
          })
        }
      })

    /** Where the server answers nothing, what it has read is delivered. */
    const confirm = Effect.gen(function*() {
      while (!server.answers) {
        const last = underWay.findLast(({ isSent }) => isSent)
        if (last === undefined) {
          some.unsafeClose()
          yield* some.await
          continue
        }
        yield* roundTrip
        if (!isSilent) {
          yield* Effect.sleep(ANSWER_PATIENCE)
          if (server.answers) break
          isSilent = true
          if (!server.isCalledSilent) {
            server.isCalledSilent = true
            yield* Effect.logWarning(
              "the server answers no frames: what it has read is taken as delivered, and written down as unverified"
            )
          }
        }
        yield* inTurn(handOverTo(last))
      }
      return yield* Effect.never
    })

    const watch = Effect.gen(function*() {
      let oldest = underWay[0]
      let unanswered = 0
      while (true) {
        yield* Effect.sleep(WATCH_STEP)
        yield* roundTrip
        if (underWay[0] !== oldest || oldest === undefined || isSettling) {
          oldest = underWay[0]
          unanswered = 0
        } else if (++unanswered >= QUIET_LOOKS && server.answers) {
          server.answers = answered > 0
          return yield* new DeliveryFailure({
            message: `the server did not answer a frame within ${Duration.format(LONGEST_SILENCE)}`
          })
        }
      }
    })

    const notice = openAtAppends(outbox, kick)
    return yield* Effect.all([pump, receive, confirm, watch, notice], { concurrency: "unbounded", discard: true }).pipe(
      Effect.zipRight(Effect.never)
    )
  })
