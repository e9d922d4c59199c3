import { Cause, Clock, Deferred, Duration, Effect, Exit, Layer, Option, Runtime } from "effect"
import { Auth } from "../../server/Auth.js"
import { makeDoor } from "../../server/door/Door.js"
import { makeIncidents } from "../../server/door/Incidents.js"
import { InFlight } from "../../server/door/InFlight.js"
import { bodyKind, makeBodyIngest } from "../../server/ingest/BodyIngest.js"
import { StreamWays } from "../../server/ingest/StreamWays.js"
import { ServerCounters } from "../../server/ServerCounters.js"
import type { ServerParts } from "../../server/ServerParts.js"
import { makeMetricsSockets } from "../../server/socket/MetricsSockets.js"
import { SqliteFileError } from "../../sqlite/SqliteFileError.js"
import { SqliteMedium } from "../../sqlite/SqliteMedium.js"
import { MetricStore, type SeriesInfo, StoreError } from "../../store/MetricStore.js"
import { SqliteMetricStore } from "../../store/SqliteMetricStore.js"
import type { FlushLimits } from "../../store/StoreParts.js"
import type { HostOptions } from "./SenderHost.js"
import { type CommitMoment, SimulatedDisk } from "./SimulatedDisk.js"
import { SimulatedProcess, untilKilled } from "./SimulatedProcess.js"

/** What a server's host is made of. */
export interface ServerHostOptions extends HostOptions {
  readonly window: number
  readonly flush: Partial<FlushLimits>
}

// What a supervisor waits before it starts a process again that ended by itself.
const restartDelay = 5_000

const grace = Duration.seconds(2)

const isFullDisk = (exit: Exit.Exit<void, unknown>): boolean => {
  const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
  return (error instanceof StoreError || error instanceof SqliteFileError) && error.reason === "Full"
}

/** The host on which the server runs, is killed, and is started again. */
export class ServerHost {
  readonly disk = new SimulatedDisk()
  /** How far its wall clock is ahead, ms. */
  clockOffset = 0
  /** What the running server believes to have stored. */
  believed: Effect.Effect<ReadonlyArray<SeriesInfo>, unknown> = Effect.succeed([])
  private process: SimulatedProcess | undefined
  private readonly processes: Array<SimulatedProcess> = []
  private downFor: number | undefined
  private betweenLives: (() => void) | undefined

  constructor(private readonly options: ServerHostOptions) {}

  get isUp(): boolean {
    return this.process !== undefined
  }

  start(): void {
    const { dice, onProblem, runtime, time, trace } = this.options
    if (this.process !== undefined) return
    this.downFor = undefined
    trace.note("the server starts")
    const process = new SimulatedProcess({
      name: "server",
      time,
      trace,
      runtime,
      clockOffset: () => this.clockOffset,
      seed: dice.below(0x7fff_ffff),
      onDefect: onProblem,
      onEnd: (exit) => this.ended(process, exit)
    })
    this.process = process
    this.processes.push(process)
    process.start(this.life(process))
  }

  /** Kills the process now or later; it is started again after `downFor` ms. */
  die(death: { readonly moment: "now" | "steps" | CommitMoment; readonly steps?: number }, downFor: number): void {
    const { process } = this
    if (process === undefined) return
    this.downFor = downFor
    if (death.moment === "now") process.kill()
    else if (death.moment === "steps") process.killAfter(death.steps ?? 1)
    else this.disk.killAtCommit(death.moment, () => process.kill())
  }

  /** Asks the process to end; it is started again `downFor` ms later. */
  stop(downFor: number): void {
    this.downFor = downFor
    this.process?.stop()
  }

  /** Kills the process; does something to its host while it is down. */
  dieFor(downFor: number, betweenLives: () => void): void {
    this.betweenLives = betweenLives
    if (this.process === undefined) this.whileDown()
    else this.die({ moment: "now" }, downFor)
  }

  /** The simulation is over: nothing of its processes stays. */
  bury(): void {
    this.disk.detach(false)
    for (const process of this.processes) process.bury()
  }

  private ended(process: SimulatedProcess, exit: Exit.Exit<void, unknown> | undefined): void {
    const { network, onProblem, time, trace } = this.options
    trace.note(`the server ${exit === undefined ? "is killed" : "ends"}`)
    network.processEnded(process)
    this.believed = Effect.succeed([])
    if (exit !== undefined && Exit.isFailure(exit) && !Cause.isInterruptedOnly(exit.cause) && !isFullDisk(exit)) {
      onProblem(`the server ended by itself: ${Cause.pretty(exit.cause)}`)
    }
    const { downFor = restartDelay } = this
    // A transaction may be under way in this turn.
    queueMicrotask(() => {
      this.disk.detach(false)
      this.process = undefined
      this.whileDown()
      time.after(downFor, () => this.start())
    })
  }

  private whileDown(): void {
    this.betweenLives?.()
    this.betweenLives = undefined
  }

  private life(process: SimulatedProcess): Effect.Effect<void, unknown> {
    const { flush, network, window } = this.options
    const store = SqliteMetricStore.layer({ dataDir: "server", flush }).pipe(
      Layer.provide(Layer.succeed(SqliteMedium, { openDatabase: this.disk.openDatabase }))
    )
    return Effect.gen(this, function*() {
      const store = yield* MetricStore
      const auth = new Auth({ tokens: [], host: "127.0.0.1", allowedOrigins: [] })
      const incidents = yield* makeIncidents
      const parts: ServerParts = {
        store,
        counters: new ServerCounters(),
        ways: new StreamWays(),
        auth,
        door: yield* makeDoor(auth, incidents),
        incidents,
        inFlight: new InFlight(67_108_864),
        maxBodyBytes: 8_388_608,
        maxFrameBytes: 1_048_576,
        window,
        version: "simulated",
        startedAt: yield* Clock.currentTimeMillis,
        secure: false,
        dashboardDir: undefined,
        pipeline: undefined,
        stopping: yield* Deferred.make<void>()
      }
      const sockets = yield* makeMetricsSockets(parts)
      const ingest = makeBodyIngest(parts)
      const fork = Runtime.runFork(yield* Effect.runtime())
      yield* Effect.addFinalizer(() =>
        Effect.gen(function*() {
          yield* sockets.goAway
          yield* Effect.sleep(grace)
          yield* sockets.terminate
        })
      )
      network.listen({
        process,
        accept: (socket, protocol) => sockets.accept(socket, protocol, ""),
        post: (contentType, body, answer) => {
          fork(
            Effect.flatMap(bodyKind(contentType), (kind) => ingest.take(kind, body, "")).pipe(
              Effect.catchAll((refused) => Effect.succeed(ingest.refuse(refused))),
              Effect.map(({ body, headers, status }) =>
                answer({
                  status,
                  headers,
                  body: body._tag === "Uint8Array" ? Buffer.from(body.body).toString("utf8") : ""
                })
              )
            )
          )
        }
      })
      this.believed = store.series({})
      yield* untilKilled
    }).pipe(Effect.provide(store), Effect.scoped)
  }
}
