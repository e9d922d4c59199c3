import {
  Cause,
  type Clock,
  Duration,
  Effect,
  type Exit,
  type Fiber,
  HashMap,
  Logger,
  LogLevel,
  Random,
  Runtime,
  Scheduler
} from "effect"
import { Entropy, seededEntropy } from "../../sender/outbox/Entropy.js"
import type { Trace } from "./Trace.js"
import type { VirtualTime } from "./VirtualTime.js"

/** What a process is made of. */
export interface ProcessOptions {
  readonly name: string
  readonly time: VirtualTime
  readonly trace: Trace
  /** How far the wall clock of its host is ahead of the simulation's, ms. */
  readonly clockOffset: () => number
  /** Seeds its randomness. */
  readonly seed: number
  /** Starts fibers. */
  readonly runtime: Runtime.Runtime<never>
  /** Told once when it is gone; `exit` is absent when it was killed. */
  readonly onEnd: (exit: Exit.Exit<void, unknown> | undefined) => void
  /** Told of what no program should do, with its log. */
  readonly onDefect: (text: string) => void
}

const textOf = (message: unknown): string => Array.isArray(message) ? message.map(String).join(" ") : String(message)

/** Waits for ever. `Effect.never` would leave a timer of the system behind when its process is killed. */
export const untilKilled: Effect.Effect<never> = Effect.async(() => {})

/**
 * A process that can be killed: from one step to the next its fibers go on no
 * more and no finalizer runs, as after `kill -9`.
 */
export class SimulatedProcess {
  private running = true
  private steps = 0
  private fatalStep = Infinity
  private isBuried = false
  /** What its fibers would have done next. */
  private readonly frozen: Array<() => void> = []
  /** Ends the sleep of each fiber that sleeps. */
  private readonly sleepers = new Set<() => void>()
  private fiber: Fiber.RuntimeFiber<void, unknown> | undefined

  constructor(private readonly options: ProcessOptions) {}

  get name(): string {
    return this.options.name
  }

  get isAlive(): boolean {
    return this.running
  }

  /** Runs the process's program. */
  start(program: Effect.Effect<void, unknown>): void {
    const { onEnd, runtime, seed } = this.options
    const isolated = program.pipe(
      Effect.provide(this.logger),
      Effect.provideService(Entropy, seededEntropy),
      Effect.withRandom(Random.make(seed)),
      Effect.withClock(this.clock),
      Effect.withScheduler(this.scheduler)
    )
    this.fiber = Runtime.runFork(runtime)(isolated, { scheduler: this.scheduler })
    this.fiber.addObserver((exit) => {
      if (!this.running) return
      this.running = false
      onEnd(exit)
    })
  }

  /** Ends it without a word. */
  kill(): void {
    if (!this.running) return
    this.running = false
    this.options.onEnd(undefined)
  }

  /** Kills it after so many more steps of its fibers. */
  killAfter(steps: number): void {
    this.fatalStep = this.steps + steps
  }

  /** Asks it to end, as by SIGTERM. */
  stop(): void {
    this.fiber?.unsafeInterruptAsFork(this.fiber.id())
  }

  /**
   * Lets the fibers of a process that is gone end, so that nothing of theirs
   * outlives the simulation: what they still do touches nothing, and no time
   * passes in which they could sleep.
   */
  bury(): void {
    this.running = false
    this.isBuried = true
    for (const task of this.frozen.splice(0)) task()
    for (const wake of Array.from(this.sleepers)) wake()
    this.stop()
  }

  private get clock(): Clock.Clock {
    const { clockOffset, time } = this.options
    return {
      ...time.clock(clockOffset),
      sleep: (duration) =>
        Effect.async((resume) => {
          if (this.isBuried) return resume(Effect.interrupt)
          const wake = () => {
            withdraw()
            this.sleepers.delete(wake)
            resume(Effect.interrupt)
          }
          const withdraw = time.after(Duration.toMillis(duration), () => {
            this.sleepers.delete(wake)
            resume(Effect.void)
          })
          this.sleepers.add(wake)
          return Effect.sync(() => {
            this.sleepers.delete(wake)
            withdraw()
          })
        })
    }
  }

  private readonly scheduler: Scheduler.Scheduler = Scheduler.make((task, priority, fiber) => {
    const step = (): void => {
      if (this.running && ++this.steps >= this.fatalStep) this.kill()
      if (this.running || this.isBuried) task()
      else this.frozen.push(task)
    }
    if (this.running || this.isBuried) this.options.time.scheduler.scheduleTask(step, priority, fiber)
    else this.frozen.push(task)
  })

  private get logger() {
    const { onDefect, trace } = this.options
    return Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ annotations, cause, logLevel, message }) => {
        if (!this.running) return
        if (trace.isKept && LogLevel.greaterThanEqual(logLevel, LogLevel.Info)) {
          const told = Array.from(HashMap.entries(annotations), ([key, value]) => ` ${key}=${String(value)}`).join("")
          trace.explain(`${this.name}: ${logLevel.label} ${textOf(message)}${told}`)
        }
        if (Cause.isDie(cause)) onDefect(`${this.name}: ${textOf(message)}: ${Cause.pretty(cause)}`)
      })
    )
  }
}
