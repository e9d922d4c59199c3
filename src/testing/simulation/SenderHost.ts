import type { HttpClient } from "@effect/platform"
import { Cause, Effect, Exit, Layer, Option, type Runtime, Schedule, type Scope } from "effect"
import { transitionName } from "../../sender/delivery/DeliveryState.js"
import { DeliveryWatch } from "../../sender/delivery/DeliveryWatch.js"
import { MostOffered } from "../../sender/delivery/MostOffered.js"
import type { SocketConnector } from "../../sender/delivery/SocketConnector.js"
import { GenericMetricsSender } from "../../sender/GenericMetricsSender.js"
import { Outbox, OutboxError, type OutboxLimits } from "../../sender/Outbox.js"
import { SqliteOutbox } from "../../sender/SqliteOutbox.js"
import { SqliteMedium } from "../../sqlite/SqliteMedium.js"
import { LossLedger } from "../../telemetry/LossLedger.js"
import { PipelineStatus } from "../../telemetry/PipelineStatus.js"
import type { AcceptedPoints } from "./AcceptedPoints.js"
import type { Dice } from "./Dice.js"
import { type CommitMoment, type DiskImage, SimulatedDisk } from "./SimulatedDisk.js"
import type { SimulatedNetwork } from "./SimulatedNetwork.js"
import { SimulatedProcess, untilKilled } from "./SimulatedProcess.js"
import type { Trace } from "./Trace.js"
import type { VirtualTime } from "./VirtualTime.js"

/** A network as a sender needs it. */
export type SenderNetwork = Layer.Layer<SocketConnector | HttpClient.HttpClient>

/** What runs in a sender's process: gives metrics to the sender, until it is interrupted. */
export type SenderProgram = Effect.Effect<
  unknown,
  unknown,
  GenericMetricsSender | PipelineStatus | LossLedger | Scope.Scope
>

/** What the hosts of a simulation share. */
export interface HostOptions {
  readonly time: VirtualTime
  readonly trace: Trace
  readonly network: SimulatedNetwork
  readonly dice: Dice
  readonly runtime: Runtime.Runtime<never>
  /** Told what must not happen. */
  readonly onProblem: (text: string) => void
}

/** What a sender's host is made of. */
export interface SenderHostOptions extends HostOptions {
  readonly accepted: AcceptedPoints
  readonly limits: Partial<OutboxLimits>
  /** Most streams that one hello names. */
  readonly mostOffered: number
  readonly shutdownGrace: number
  readonly program: SenderProgram
  readonly transport: (network: SenderNetwork) => SenderNetwork
  /** Done when the program is to end. */
  readonly awaitEnd: Effect.Effect<void>
  readonly onTransition: (name: string) => void
  /** Told what stands in its outbox before a process opens it. */
  readonly onOpening: (streams: ReadonlyArray<KeptStream>) => void
}

/** A stream as it stands in an outbox's file. */
export interface KeptStream {
  readonly stream: string
  readonly acked: number
  readonly next: number
}

// What a supervisor waits before it starts a process again that ended by itself.
const restartDelay = 5_000

const isFullDisk = (exit: Exit.Exit<void, unknown>): boolean => {
  const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
  return error instanceof OutboxError && error.reason === "Full"
}

/** A host on which a sender runs, is killed, and is started again. */
export class SenderHost {
  readonly disk = new SimulatedDisk()
  /** Ledgers of all its processes. */
  readonly ledgers: Array<LossLedger> = []
  /** How far its wall clock is ahead, ms. */
  clockOffset = 0
  /** Everything that was accepted in the present process is acknowledged, after its program has ended. */
  isDone = false
  private process: SimulatedProcess | undefined
  private readonly processes: Array<SimulatedProcess> = []
  private lostPower = false
  private downFor: number | undefined
  private betweenLives: (() => void) | undefined

  constructor(readonly name: string, private readonly options: SenderHostOptions) {}

  get isUp(): boolean {
    return this.process !== undefined
  }

  /** The streams in its outbox. */
  get streams(): ReadonlyArray<KeptStream> {
    return this.disk.read((db) => {
      const hasTable = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'streams'").get() !== undefined
      return hasTable ? db.prepare<[], KeptStream>("SELECT stream, acked, next FROM streams ORDER BY seq").all() : []
    })
  }

  /** How many offsets of its outbox are not acknowledged. */
  get pending(): number {
    return this.streams.reduce((sum, { acked, next }) => sum + next - acked, 0)
  }

  start(): void {
    const { dice, onProblem, runtime, time, trace } = this.options
    if (this.process !== undefined) return
    this.isDone = false
    this.downFor = undefined
    this.lostPower = false
    this.options.onOpening(this.streams)
    trace.note(`${this.name} starts`)
    const process = new SimulatedProcess({
      name: this.name,
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
  die(
    death: { readonly moment: "now" | "steps" | CommitMoment; readonly steps?: number },
    downFor: number,
    lostPower: boolean
  ): void {
    const { process } = this
    if (process === undefined) return
    const kill = () => {
      this.downFor = downFor
      this.lostPower = lostPower
      process.kill()
    }
    if (death.moment === "now") kill()
    else if (death.moment === "steps") {
      this.downFor = downFor
      this.lostPower = lostPower
      process.killAfter(death.steps ?? 1)
    } else this.disk.killAtCommit(death.moment, kill)
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
    else this.die({ moment: "now" }, downFor, false)
  }

  /** Begins with a copy of another host's disk. */
  cloneFrom(image: DiskImage | undefined): void {
    this.disk.restore(image)
    this.start()
  }

  /** The simulation is over: nothing of its processes stays. */
  bury(): void {
    this.disk.detach(false)
    for (const process of this.processes) process.bury()
  }

  private ended(process: SimulatedProcess, exit: Exit.Exit<void, unknown> | undefined): void {
    const { network, onProblem, time, trace } = this.options
    trace.note(`${this.name} ${exit === undefined ? "is killed" : "ends"}`)
    network.processEnded(process)
    if (exit !== undefined && Exit.isFailure(exit) && !Cause.isInterruptedOnly(exit.cause) && !isFullDisk(exit)) {
      onProblem(`${this.name} ended by itself: ${Cause.pretty(exit.cause)}`)
    }
    const { downFor = restartDelay, lostPower } = this
    // A transaction may be under way in this turn.
    queueMicrotask(() => {
      this.disk.detach(lostPower)
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
    const { accepted, awaitEnd, limits, mostOffered, network, onTransition, program, shutdownGrace, transport } =
      this.options
    const outbox = Layer.effect(Outbox, Effect.flatMap(Outbox, (inner) => accepted.observe(inner))).pipe(
      Layer.provide(SqliteOutbox.layer({ dataDir: this.name, ...limits })),
      Layer.provide(Layer.succeed(SqliteMedium, { openDatabase: this.disk.openDatabase }))
    )
    const watch = Layer.succeed(DeliveryWatch, {
      moved: (from, event, to) => onTransition(transitionName(from._tag, event._tag, to._tag))
    })
    const sender = GenericMetricsSender.layerWithOutbox({
      endpointUrl: "ws://server.test",
      durable: true,
      shutdownGrace
    }).pipe(
      Layer.provide(
        Layer.mergeAll(outbox, transport(network.layer(process)), watch, Layer.succeed(MostOffered, mostOffered))
      ),
      Layer.provideMerge(Layer.merge(PipelineStatus.Default, LossLedger.Default))
    )
    return Effect.gen(this, function*() {
      this.ledgers.push(yield* LossLedger)
      const sender = yield* GenericMetricsSender
      const watched = Effect.provideService(program, GenericMetricsSender, accepted.watch(sender))
      yield* Effect.raceFirst(Effect.zipRight(Effect.scoped(watched), untilKilled), awaitEnd)
      yield* Effect.retry(sender.flush, Schedule.spaced("10 seconds"))
      this.isDone = true
      yield* untilKilled
    }).pipe(Effect.provide(sender), Effect.scoped)
  }
}
