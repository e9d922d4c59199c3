import { Clock, Effect } from "effect"
import { GenericMetric } from "../../domain/GenericMetric.js"
import { GenericMetricsSender } from "../../sender/GenericMetricsSender.js"
import type { OutboxLimits } from "../../sender/Outbox.js"
import type { FlushLimits } from "../../store/StoreParts.js"
import { AcceptedPoints } from "./AcceptedPoints.js"
import { Dice } from "./Dice.js"
import { describeFault, endOf, type Fault, throwFaults } from "./Fault.js"
import { type Discarded, judge, type Rollback } from "./Oracle.js"
import { SenderHost, type SenderNetwork, type SenderProgram } from "./SenderHost.js"
import { ServerHost } from "./ServerHost.js"
import { type DiskImage, withImage } from "./SimulatedDisk.js"
import { SimulatedNetwork } from "./SimulatedNetwork.js"
import { readLosses, readStoredPoints } from "./StoredPoints.js"
import { Trace } from "./Trace.js"
import { SIMULATION_START, VirtualTime } from "./VirtualTime.js"

export {
  type Death,
  describeFault,
  type Fault,
  type FrameTrouble,
  type HttpTrouble,
  type SocketTrouble
} from "./Fault.js"
export type { SenderNetwork, SenderProgram } from "./SenderHost.js"
export type { CommitMoment } from "./SimulatedDisk.js"

/** What to simulate. */
export interface SimulationOptions {
  /** Decides everything that is left to chance, and the faults where none are given. */
  readonly seed: number
  /** What happens, in place of what the seed throws for. */
  readonly faults?: ReadonlyArray<Fault>
  /** What gives metrics to the sender, in place of a program that sends some every few seconds. */
  readonly program?: SenderProgram
  /** What stands between sender and network: a transport of one's own over the simulated one. */
  readonly transport?: (network: SenderNetwork) => SenderNetwork
  /** Whether the report holds every event. */
  readonly trace?: boolean
}

/** What a simulation showed. */
export interface SimulationReport {
  readonly seed: number
  readonly faults: ReadonlyArray<Fault>
  /** What is wrong, in words; none when all is well. */
  readonly problems: ReadonlyArray<string>
  /** Names of the transitions of delivery that it went through, with how often. */
  readonly transitions: ReadonlyMap<string, number>
  /** Points that outboxes committed, that the store holds, and that it declares lost. */
  readonly points: { readonly accepted: number; readonly stored: number; readonly lost: number }
  /** The same for two runs in which the same happened in the same order. */
  readonly checksum: string
  readonly trace: ReadonlyArray<string>
}

// All is healed; after this both sides have met again, and what a restored server lacks is found out.
const settles = 240_000

// Delivery must have ended by then, whatever it was asked to wait for.
const patience = 10_800_000

const pollEvery = 5_000

// More problems than these say nothing new.
const maxProblems = 20

interface Profile {
  readonly lasts: number
  readonly window: number
  readonly limits: Partial<OutboxLimits>
  readonly mostOffered: number
  readonly flush: Partial<FlushLimits>
  readonly shutdownGrace: number
  readonly rejects: boolean
  /** Most metrics of one call, and the longest pause between two, ms. */
  readonly call: number
  readonly pause: number
}

const throwProfile = (dice: Dice): Profile => ({
  lasts: dice.pick([20_000, 50_000, 120_000]),
  window: dice.pick([1, 2, 8]),
  limits: {
    overflow: dice.pick(["block", "drop-oldest"]),
    ...dice.pick([{}, {}, { maxBytes: 30_000 }, { maxBytes: 5_000 }])
  },
  flush: {
    chunkPoints: dice.pick([8, 32, 256]),
    maxAge: dice.pick([3_000, 60_000, 900_000]),
    rollupPoints: dice.pick([16, 4_096])
  },
  shutdownGrace: dice.pick([0, 5_000]),
  rejects: dice.chance(0.5),
  call: dice.pick([2, 6, 20]),
  pause: dice.pick([3_000, 15_000]),
  // A sender has as many streams as starts that had something to deliver: few.
  mostOffered: dice.pick([1, 1, 2])
})

/** Sends metrics of a few series, each with a value of its own, a few at a time. */
const sendNumbers = (profile: Profile, dice: Dice, numbers: { next: number }): SenderProgram =>
  Effect.gen(function*() {
    const sender = yield* GenericMetricsSender
    while (true) {
      const now = yield* Clock.currentTimeMillis
      const calls = dice.pick([1, 1, 1, 4])
      const call = Effect.suspend(() =>
        sender.sendMetrics(Array.from({ length: dice.between(1, profile.call) }, () => {
          const value = numbers.next++
          return new GenericMetric({
            origin: "simulation",
            metricType: `numbers_${value % 3}`,
            value,
            metadata: { host: `host-${value % 2}`, ...(value % 4 === 0 ? { ply: value } : {}) },
            ...(value % 5 === 0 ? {} : { timestamp: Math.floor(now / 1_000) * 1_000 })
          })
        }))
      )
      const batch = Effect.all(Array.from({ length: calls }, () => call), { concurrency: "unbounded", discard: true })
      yield* dice.chance(0.1) ? Effect.timeoutOption(batch, dice.pick([0, 1, 2_000])) : batch
      yield* Effect.sleep(dice.below(profile.pause))
    }
  })

const nextOf = (image: DiskImage | undefined): ReadonlyMap<string, number> =>
  image === undefined ? new Map() : withImage(image, (db) =>
    new Map(
      db.prepare<[], { readonly stream: string; readonly next: number }>("SELECT stream, next FROM streams").all()
        .map(({ next, stream }) => [stream, next])
    ))

/**
 * Runs the real sender, outbox and ingest over a network, clocks and disks that
 * a seed breaks, until the faults have ended and all is delivered, and judges
 * what is stored. The same seed runs the same way again.
 */
export const simulate = (options: SimulationOptions): Effect.Effect<SimulationReport> =>
  Effect.gen(function*() {
    const runtime = yield* Effect.runtime()
    const dice = new Dice(options.seed)
    const profile = throwProfile(dice.fork())
    const faultDice = dice.fork()
    const faults = options.faults ?? throwFaults(faultDice, profile.lasts)
    const time = new VirtualTime()
    const trace = new Trace(time, options.trace === true)
    const problems = new Set<string>()
    const onProblem = (text: string): void => {
      trace.note(`PROBLEM ${text}`)
      problems.add(text)
    }
    const network = new SimulatedNetwork(
      time,
      dice.fork(),
      trace,
      (text) => onProblem(`the server says that the sender breaks the protocol: ${text.slice(0, 200)}`)
    )
    const transitions = new Map<string, number>()
    const accepted = new AcceptedPoints((value) => profile.rejects && value % 97 === 5)
    const numbers = { next: 1 }
    const programDice = dice.fork()
    const endsAt = SIMULATION_START + Math.max(profile.lasts, ...faults.map(endOf)) + 1_000
    const host = { time, trace, network, runtime, onProblem }
    const senderOptions = {
      ...host,
      accepted,
      limits: profile.limits,
      mostOffered: profile.mostOffered,
      shutdownGrace: profile.shutdownGrace,
      program: options.program ?? Effect.suspend(() => sendNumbers(profile, programDice.fork(), numbers)),
      transport: options.transport ?? ((layer: SenderNetwork) => layer),
      awaitEnd: Effect.async<void>((resume) => Effect.sync(time.after(endsAt - time.now, () => resume(Effect.void)))),
      onTransition: (name: string) => {
        transitions.set(name, (transitions.get(name) ?? 0) + 1)
        trace.note(name)
      },
      onOpening: (streams: SenderHost["streams"]) => {
        for (const { acked, next, stream } of streams) {
          if (acked >= next) { for (const { forgotten } of rollbacks) forgotten.add(stream) }
        }
      }
    }
    const rollbacks: Array<Rollback> = []
    const discarded: Array<Discarded> = []
    const server = new ServerHost({ ...host, dice: dice.fork(), window: profile.window, flush: profile.flush })
    const first = new SenderHost("sender", { ...senderOptions, dice: dice.fork() })
    const senders = [first]
    const cloneDice = dice.fork()
    const copies = new Map<Fault, DiskImage | undefined>()

    const restoreServer = (backup: DiskImage | undefined): void => {
      const now = nextOf(server.disk.copy())
      const then = nextOf(backup)
      const ranges = new Map<string, { readonly from: number; readonly to: number }>()
      for (const [stream, to] of now) ranges.set(stream, { from: then.get(stream) ?? 0, to })
      const known = new Set(senders.flatMap(({ streams }) => streams.map(({ stream }) => stream)))
      const forgotten = new Set(Array.from(now.keys()).filter((stream) => !known.has(stream)))
      rollbacks.push({ ranges, forgotten })
      server.disk.restore(backup)
    }

    const restoreSender = (copy: DiskImage | undefined): void => {
      const before = first.streams
      first.disk.restore(copy)
      const after = new Map(first.streams.map((own) => [own.stream, own]))
      for (const { acked, stream } of before) {
        const kept = after.get(stream)
        discarded.push({ stream, from: Math.max(acked, kept?.next ?? 0) })
        if (kept === undefined) { for (const { forgotten } of rollbacks) forgotten.add(stream) }
      }
    }

    const begin = (fault: Fault): void => {
      trace.note(`FAULT ${describeFault(fault)}`)
      switch (fault.kind) {
        case "refuse-sockets":
        case "black-hole":
        case "frames":
        case "requests":
          network.begin(fault)
          time.after(fault.lasts, () => network.end(fault))
          return
        case "cut":
          return network.cut(fault.code, fault.oneSided)
        case "server-dies":
          return server.die(fault.death, fault.downFor)
        case "server-stops":
          return server.stop(fault.downFor)
        case "sender-dies":
          return first.die(fault.death, fault.downFor, fault.lostPower)
        case "sender-stops":
          return first.stop(fault.downFor)
        case "disk-full": {
          const { disk } = fault.host === "server" ? server : first
          disk.isFull = true
          time.after(fault.lasts, () => {
            disk.isFull = false
          })
          return
        }
        case "clock-jumps": {
          const host = fault.host === "server" ? server : first
          host.clockOffset += fault.by
          return
        }
        case "sender-restored":
          return first.dieFor(fault.downFor, () => restoreSender(copies.get(fault)))
        case "server-restored":
          return server.dieFor(fault.downFor, () => restoreServer(copies.get(fault)))
        case "sender-cloned": {
          const clone = new SenderHost(`clone-${senders.length}`, { ...senderOptions, dice: cloneDice.fork() })
          senders.push(clone)
          return clone.cloneFrom(first.disk.copy())
        }
      }
    }

    for (const fault of faults) {
      if (fault.kind === "sender-restored" || fault.kind === "server-restored") {
        const { disk } = fault.kind === "sender-restored" ? first : server
        time.after(fault.copiedAt, () => copies.set(fault, disk.copy()))
      }
      time.after(fault.at, () => begin(fault))
    }
    server.start()
    first.start()
    // A hello tells a sender what the server has.
    time.after(endsAt + settles / 4 - time.now, () => network.cut(1006, false))

    const isDelivered = (): boolean =>
      server.isUp && senders.every((sender) => sender.isUp && sender.isDone && sender.pending === 0)
    yield* Effect.async<void>((resume) => {
      const poll = (): void => {
        if (problems.size >= maxProblems) return resume(Effect.void)
        if (isDelivered()) return resume(Effect.void)
        if (time.now >= endsAt + patience) {
          const pending = senders.map(({ isDone, name, pending }) => `${name}: ${pending} pending, done: ${isDone}`)
          onProblem(`delivery did not end when the faults had ended: ${pending.join(", ")}`)
          return resume(Effect.void)
        }
        time.after(pollEvery, poll)
      }
      time.after(endsAt + settles - time.now, poll)
      time.start()
    })
    time.stop()

    const believed = yield* Effect.orElseSucceed(server.believed, () => [])
    const stored = server.disk.read(readStoredPoints)
    const losses = server.disk.read(readLosses)
    const ledger = yield* Effect.forEach(senders.flatMap(({ ledgers }) => ledgers), ({ totals }) => totals)
    for (const { key, points } of believed) {
      const actual = stored.reduce((sum, { series }) => sum + (series === key ? 1 : 0), 0)
      if (points !== actual) onProblem(`the running server shows ${points} points of ${key}, its file holds ${actual}`)
    }
    const { overflow = "block" } = profile.limits
    for (
      const problem of judge({
        accepted,
        stored,
        losses,
        ledger: ledger.flat(),
        rollbacks,
        discarded,
        mayDrop: overflow === "drop-oldest"
      })
    ) onProblem(problem)
    for (const host of [server, ...senders]) host.bury()
    return {
      seed: options.seed,
      faults,
      problems: Array.from(problems),
      transitions,
      points: {
        accepted: accepted.points.length,
        stored: stored.length,
        lost: losses.reduce((sum, { from, to }) => sum + to - from, 0)
      },
      checksum: trace.checksum,
      trace: trace.lines
    }
  })
