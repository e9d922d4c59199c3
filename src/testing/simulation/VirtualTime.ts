import { Clock, Duration, Effect, Scheduler } from "effect"

/** Something that happens at a moment. */
interface Moment {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

const isBefore = (a: Moment, b: Moment): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

/** Moments, the earliest first; of one time the one that was added first. */
class Moments {
  private readonly heap: Array<Moment> = []

  add(moment: Moment): void {
    const { heap } = this
    let at = heap.length
    heap.push(moment)
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (!isBefore(moment, heap[parent])) break
      heap[at] = heap[parent]
      at = parent
    }
    heap[at] = moment
  }

  take(): Moment | undefined {
    const { heap } = this
    const first = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++
      if (!isBefore(heap[child], last)) break
      heap[at] = heap[child]
      at = child
    }
    heap[at] = last
    return first
  }
}

// Turns of the event loop in which nothing happened, after which nobody has anything to do at the present time.
const quietTurns = 2

// Microtasks in a row after which the event loop gets its turn.
const batchesInARow = 2_048

/** When a simulation begins, ms since the epoch. */
export const SIMULATION_START = 1_700_000_000_000

/**
 * The time of a simulation, and the order in which everything in it runs. It
 * jumps to the next moment somebody waits for as soon as nobody has anything to
 * do: hours take milliseconds, and the same program runs in the same order again.
 */
export class VirtualTime {
  private readonly moments = new Moments()
  private order = 0
  private millis = SIMULATION_START
  private activity = 0
  private batches = 0
  private isOver = false

  /** Runs tasks of fibers in the order in which they became ready, and no timer of the system among them. */
  readonly scheduler: Scheduler.Scheduler = Scheduler.makeBatched((run) => {
    this.activity++
    if (++this.batches % batchesInARow === 0) setImmediate(run)
    else queueMicrotask(run)
  })

  /** Ms since the epoch. */
  get now(): number {
    return this.millis
  }

  /** Runs something after a delay; answers how to withdraw it. */
  after(delayMillis: number, run: () => void): () => void {
    if (!Number.isFinite(delayMillis)) return () => {}
    let isWanted = true
    const at = this.millis + Math.max(0, delayMillis)
    this.moments.add({
      at,
      order: this.order++,
      run: () => {
        if (!isWanted) return
        this.activity++
        run()
      }
    })
    return () => {
      isWanted = false
    }
  }

  /** A clock that goes with this time, ahead of it by `offset` ms; sleeping is not moved by a changed offset. */
  clock(offset: () => number): Clock.Clock {
    // As that of the system: whole numbers.
    const millis = () => Math.floor(this.millis + offset())
    const nanos = () => BigInt(millis()) * 1_000_000n
    return {
      [Clock.ClockTypeId]: Clock.ClockTypeId,
      unsafeCurrentTimeMillis: millis,
      unsafeCurrentTimeNanos: nanos,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanos: Effect.sync(nanos),
      sleep: (duration) =>
        Effect.async((resume) => Effect.sync(this.after(Duration.toMillis(duration), () => resume(Effect.void))))
    }
  }

  /** Lets time go on until {@link stop}. */
  start(): void {
    let seen = -1
    let quiet = 0
    const turn = (): void => {
      if (this.isOver) return
      if (this.activity === seen) quiet++
      else quiet = 0
      if (quiet >= quietTurns) this.jump()
      seen = this.activity
      setImmediate(turn)
    }
    setImmediate(turn)
  }

  /** Nothing happens any more. */
  stop(): void {
    this.isOver = true
  }

  private jump(): void {
    const before = this.activity
    // Moments that were withdrawn cost no turn.
    while (this.activity === before) {
      const next = this.moments.take()
      if (next === undefined) return
      this.millis = Math.max(this.millis, next.at)
      next.run()
    }
  }
}
