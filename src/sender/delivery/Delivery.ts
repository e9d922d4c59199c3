import type { HttpClient } from "@effect/platform"
import {
  Cause,
  Clock,
  Deferred,
  Duration,
  Effect,
  Fiber,
  Option,
  type Redacted,
  Schedule,
  ScheduleDecision,
  ScheduleIntervals,
  type Scope
} from "effect"
import type { LossLedger } from "../../telemetry/LossLedger.js"
import type { PipelineStatus } from "../../telemetry/PipelineStatus.js"
import type { Endpoint } from "../../wire/Endpoint.js"
import { HTTP_TIMEOUT } from "../HttpTransport.js"
import type { Outbox, OutboxError } from "../Outbox.js"
import { makePlainDelivery } from "../plain/PlainDelivery.js"
import type { PlainFormat } from "../plain/PlainPieces.js"
import { plainTransports } from "../plain/PlainTransports.js"
import { DeliveryFailure, type DeliveryStoppedError } from "../SenderErrors.js"
import { authorization } from "../SocketTransport.js"
import { batchTransports } from "./BatchTransports.js"
import { type DeliveryEvent, type DeliveryState, transition, transportOf } from "./DeliveryState.js"
import { DeliveryWatch } from "./DeliveryWatch.js"
import { JoinedLimit } from "./JoinedLimit.js"
import { MostOffered } from "./MostOffered.js"
import { makePositions } from "./Positions.js"
import type { SocketConnector } from "./SocketConnector.js"
import type { TransportFailure } from "./Transports.js"

/** How long a socket must have been open for its schedule to begin anew. */
export const HEALTHY_PERIOD = Duration.seconds(10)

/** How long delivery rests when it stopped, before it looks whether somebody has cured the cause. */
export const RECHECK_INTERVAL = Duration.seconds(60)

/**
 * Delays between attempts: 500 ms, each 1.5 times the one before, ± 20 %, at
 * most 30 s. The jitter stands before the cap, so that the cap holds.
 */
export const retrySchedule = Schedule.exponential("500 millis", 1.5).pipe(
  Schedule.jittered,
  Schedule.union(Schedule.spaced("30 seconds"))
)

/** What delivery works with. */
export interface DeliveryOptions {
  readonly outbox: typeof Outbox.Service
  readonly connector: typeof SocketConnector.Service
  readonly client: HttpClient.HttpClient
  readonly endpoint: Endpoint
  readonly token: Redacted.Redacted | undefined
  readonly status: PipelineStatus["sender"]
  readonly ledger: LossLedger
  /** Delivers plain metrics in this form; without it, batches. */
  readonly plain: PlainFormat | undefined
}

/** What is waited for: the next attempt on the socket or over HTTP, or the next look at what stopped delivery. */
type Way = "socket" | "http" | "recheck"

/** Delivery of one outbox, running as long as its scope. */
export interface Delivery {
  /** Waits until all that the outbox holds now is acknowledged. */
  readonly flush: Effect.Effect<void, OutboxError | DeliveryStoppedError>
  /** Brings the counters of the status up to date with the outbox. */
  readonly refresh: Effect.Effect<void>
  /** Writes down what is known of delivery and stands nowhere yet. */
  readonly settle: Effect.Effect<void>
}

/** Starts to deliver: see `DeliveryState` for when which transport is used. */
export const makeDelivery = (options: DeliveryOptions): Effect.Effect<Delivery, OutboxError, Scope.Scope> =>
  Effect.gen(function*() {
    const { client, connector, endpoint, ledger, outbox, plain, status, token } = options
    if (plain === undefined) yield* outbox.declarePlain
    const watch = yield* DeliveryWatch
    const positions = makePositions(outbox, status, ledger)
    const headers = authorization(token)
    const socketOptions = { outbox, positions, connector, status, headers, url: endpoint.socketUrl }
    const httpOptions = { outbox, positions, client, status, headers, url: endpoint.httpUrl }
    const joined = new JoinedLimit()
    const transports = plain === undefined
      ? batchTransports({ ...socketOptions, mostOffered: yield* MostOffered, joined }, { ...httpOptions, joined })
      : plainTransports(
        socketOptions,
        httpOptions,
        makePlainDelivery({ outbox, positions, status, ledger, format: plain })
      )
    /** When each way is tried again, ms since the epoch. */
    const due = new Map<Way, number>()
    const noteDue = (way: Way, at: number | undefined): void => {
      if (at === undefined) due.delete(way)
      else due.set(way, Math.max(at, due.get(way) ?? 0))
      status.retryAt = due.size === 0 ? undefined : Math.min(...due.values())
    }
    const makeDelays = (way: Way) =>
      Effect.map(
        Schedule.driver(Schedule.onDecision(retrySchedule, (_, decision) =>
          Effect.sync(() => {
            if (ScheduleDecision.isContinue(decision)) noteDue(way, ScheduleIntervals.start(decision.intervals))
          }))),
        (driver) => ({ way, driver })
      )
    const socketDelays = yield* makeDelays("socket")
    const httpDelays = yield* makeDelays("http")

    let state: DeliveryState = { _tag: "Connecting", failures: 0 }
    let welcomes = 0
    /** Why the socket failed last; `status.lastError` may be of HTTP. */
    let socketError: string | undefined
    status.endpoint = endpoint.socketUrl
    status.plain = plain !== undefined
    status.transport = transportOf(state)

    const announce = Effect.suspend(() => {
      const annotated = Effect.annotateLogs({ endpoint: endpoint.socketUrl, pending: status.pending })
      switch (status.transport) {
        case "socket":
          return annotated(Effect.logInfo("delivering over the WebSocket"))
        case "http":
          return annotated(Effect.logWarning(
            `delivering over HTTP, because the WebSocket fails (${socketError ?? "unknown"}); it is tried again`
          ))
        case "waiting":
          return annotated(Effect.logWarning(
            `not delivering: ${status.lastError ?? "unknown"}; all is kept in the outbox and tried again`
          ))
        case "stopped":
          return annotated(Effect.logError(
            `delivery stopped: ${status.lastError ?? "unknown"}. All is kept in the outbox; looking again every ` +
              Duration.format(RECHECK_INTERVAL)
          ))
        case "connecting":
          return Effect.void
      }
    })

    const on = (event: DeliveryEvent): Effect.Effect<void> =>
      Effect.suspend(() => {
        const before = state
        state = transition(before, event)
        if (state !== before) watch.moved(before, event, state)
        if (event._tag === "Welcomed" && welcomes++ > 0) status.reconnects++
        const changed = transportOf(state) !== status.transport ||
          (state._tag === "Stopped" && before._tag === "Rechecking" && state.message !== before.message)
        status.transport = transportOf(state)
        const stop = state._tag === "Stopped" && before._tag !== "Stopped"
          ? positions.stop(state.message)
          : status.transport === "stopped"
          ? Effect.void
          : positions.resume
        return Effect.zipRight(positions.refresh, Effect.zipRight(changed ? announce : Effect.void, stop))
      })

    const failureOf = (cause: Cause.Cause<TransportFailure>): TransportFailure =>
      Option.getOrElse(Cause.failureOption(cause), () => new DeliveryFailure({ message: Cause.pretty(cause) }))

    /** Notes what went wrong; gives how long the server asks to wait. */
    const failed = (way: "SocketFailed" | "HttpFailed", cause: Cause.Cause<TransportFailure>): Effect.Effect<number> =>
      Effect.gen(function*() {
        const error = failureOf(cause)
        const repeated = status.lastError === error.message
        status.lastError = error.message
        if (way === "SocketFailed") socketError = error.message
        if (!repeated) yield* Effect.logDebug(`an attempt to deliver failed: ${error.message}`)
        if (error._tag === "DeliveryRefused") yield* on({ _tag: "Refused", message: error.message })
        else yield* on({ _tag: way })
        return error._tag === "DeliveryFailure" ? error.retryAfterMillis ?? 0 : 0
      })

    /** Waits for at least so long, and lets it be known until when. */
    const waitFor = (way: Way, atLeast: Duration.Duration, wait: Effect.Effect<void>): Effect.Effect<void> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        noteDue(way, now + Duration.toMillis(atLeast))
        return wait
      }).pipe(Effect.ensuring(Effect.sync(() => noteDue(way, undefined))))

    const pause = ({ driver, way }: typeof socketDelays, asked: number): Effect.Effect<void> => {
      const atLeast = Duration.millis(asked)
      return waitFor(
        way,
        atLeast,
        Effect.all([Effect.ignore(driver.next(undefined)), Effect.sleep(atLeast)], {
          concurrency: "unbounded",
          discard: true
        })
      )
    }

    /** One life of a socket: opens it and delivers until it is lost. Gives how long the server asks to wait. */
    const socketLife = (onOpen: Effect.Effect<void>): Effect.Effect<number> =>
      Effect.scoped(Effect.gen(function*() {
        const deliver = yield* transports.openSocket(on({ _tag: "PartDelivered" }))
        yield* onOpen
        yield* on({ _tag: "Welcomed" })
        const healthy = Effect.sleep(HEALTHY_PERIOD).pipe(
          Effect.zipRight(on({ _tag: "Healthy" })),
          Effect.zipRight(socketDelays.driver.reset)
        )
        yield* Effect.forkScoped(healthy)
        // Released here and not for an attempt that failed: HTTP may be delivering beside it.
        return yield* Effect.ensuring(deliver, outbox.releaseInFlight)
      })).pipe(
        Effect.catchAllCause((cause) => failed("SocketFailed", cause))
      )

    /** Delivers over HTTP until it fails. Gives how long the server asks to wait. */
    const httpLife = (onAnswer: Effect.Effect<void>): Effect.Effect<number> =>
      transports.overHttp(Effect.suspend(() => Effect.zipRight(on({ _tag: "HttpAnswered" }), onAnswer))).pipe(
        Effect.ensuring(outbox.releaseInFlight),
        Effect.catchAllCause((cause) => failed("HttpFailed", cause))
      )

    /**
     * HTTP delivers while a probe tries the socket; ends when the socket was
     * open and is lost, or all is stopped. Gives how long the server asks to wait.
     */
    const fallBack = Effect.scoped(Effect.gen(function*() {
      const over = yield* Deferred.make<number>()
      let opened = false
      const http = yield* Effect.forkScoped(Effect.gen(function*() {
        while (true) {
          const asked = yield* httpLife(httpDelays.driver.reset)
          if (state._tag === "Stopped") return yield* Deferred.succeed(over, 0)
          yield* pause(httpDelays, asked)
        }
      }))
      const takeBack = Effect.zipRight(
        Fiber.interrupt(http),
        Effect.sync(() => {
          opened = true
        })
      )
      const probe = Effect.gen(function*() {
        let asked = 0
        while (!opened && state._tag !== "Stopped") {
          yield* pause(socketDelays, asked)
          asked = yield* socketLife(takeBack)
        }
        return asked
      })
      return yield* Effect.raceFirst(probe, Deferred.await(over))
    }))

    /** Stopped: tries both ways once. */
    const recheck = Effect.gen(function*() {
      yield* socketLife(Effect.void)
      if (state._tag !== "Rechecking") return
      const answered = yield* Deferred.make<void>()
      const tried = yield* httpLife(Effect.asVoid(Deferred.succeed(answered, undefined))).pipe(
        Effect.raceFirst(Deferred.await(answered)),
        Effect.timeoutOption(Duration.sum(HTTP_TIMEOUT, HTTP_TIMEOUT))
      )
      // Nothing may be there to send.
      if (Option.isNone(tried)) yield* on({ _tag: "HttpFailed" })
    })

    let asked = 0
    const noteAsked = (millis: number): void => {
      asked = millis
    }
    const step = Effect.suspend((): Effect.Effect<void> => {
      switch (state._tag) {
        case "Connecting":
        case "Socket":
          return Effect.map(socketLife(Effect.void), noteAsked)
        case "Waiting":
          return Effect.zipRight(pause(socketDelays, asked), on({ _tag: "RetryDue" }))
        case "Http":
        case "HttpWaiting":
          return Effect.map(fallBack, noteAsked)
        case "Stopped":
          return Effect.zipRight(
            waitFor("recheck", RECHECK_INTERVAL, Effect.sleep(RECHECK_INTERVAL)),
            on({ _tag: "RecheckDue" })
          )
        case "Rechecking":
          return recheck
      }
    })
    yield* Effect.forkScoped(Effect.forever(step))

    return { flush: positions.awaitAll, refresh: positions.refresh, settle: transports.settle }
  })
