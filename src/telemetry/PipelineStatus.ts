import { Effect } from "effect"

/** What the pipeline knows of one generator. Counts are metrics since the start. */
export interface GeneratorStatus {
  readonly name: string
  /** `done`: its stream ended; `waiting`: it failed and will be started again. */
  state: "running" | "waiting" | "done"
  gathered: number
  /** Lost to a full queue. */
  dropped: number
  /** Not valid metrics. */
  invalid: number
  /** Ticks left out because the one before took longer than the interval. */
  missedTicks: number
  failures: number
  /** How long the last tick took, ms; `undefined` when the generator does not measure it. */
  lastTickMillis: number | undefined
  /** When metrics last came, ms since the epoch. */
  lastGatheredAt: number | undefined
  lastError: string | undefined
}

/** Which way batches leave: `stopped` needs a person, `waiting` retries by itself. */
export type TransportState = "connecting" | "socket" | "http" | "waiting" | "stopped"

/** What the pipeline knows of delivery. Counts are metrics since the start. */
export interface SenderStatus {
  endpoint: string | undefined
  transport: TransportState
  /** Committed to the outbox. */
  accepted: number
  /** Acknowledged by the server, rejected ones included. */
  acknowledged: number
  /** Refused by the server, kept as dead letters. */
  rejected: number
  /** Why the server refused the newest of them. */
  lastRejection: string | undefined
  /** Dropped from a full outbox. */
  dropped: number
  /** Whether it delivers in plain mode: at least once, to a server that keeps no account. */
  plain: boolean
  /** Delivered in plain mode, and nobody can say that they are stored, and once. */
  unverified: number
  /** In the outbox, not yet acknowledged. */
  pending: number
  pendingBytes: number
  /** What `pendingBytes` may grow to; `undefined` where there is no outbox. */
  capacityBytes: number | undefined
  batchesSent: number
  reconnects: number
  /** When delivery tries again what failed, ms since the epoch; `undefined` while it waits for no such time. */
  retryAt: number | undefined
  /** Last acknowledgement, ms since the epoch. */
  lastAcknowledgedAt: number | undefined
  lastError: string | undefined
}

/** What the pipeline knows of the collector's queue. */
export interface QueueStatus {
  size: number
  capacity: number
  highWater: number
}

/** The state of a whole pipeline at one instant. */
export interface PipelineSnapshot {
  readonly generators: ReadonlyArray<Readonly<GeneratorStatus>>
  readonly queue: Readonly<QueueStatus>
  readonly sender: Readonly<SenderStatus>
}

/**
 * The counters of one pipeline. Every room writes its own part with plain
 * assignments, because the hot path counts per batch; readers take a
 * {@link PipelineSnapshot}.
 */
export class PipelineStatus extends Effect.Service<PipelineStatus>()("metrics-collector/telemetry/PipelineStatus", {
  sync: () => {
    const generators = new Map<string, GeneratorStatus>()
    const queue: QueueStatus = { size: 0, capacity: 0, highWater: 0 }
    const sender: SenderStatus = {
      endpoint: undefined,
      transport: "connecting",
      accepted: 0,
      acknowledged: 0,
      rejected: 0,
      lastRejection: undefined,
      dropped: 0,
      plain: false,
      unverified: 0,
      pending: 0,
      pendingBytes: 0,
      capacityBytes: undefined,
      batchesSent: 0,
      reconnects: 0,
      retryAt: undefined,
      lastAcknowledgedAt: undefined,
      lastError: undefined
    }
    return {
      /** The counters of a generator, made at first use. */
      generator: (name: string): GeneratorStatus => {
        const known = generators.get(name)
        if (known !== undefined) return known
        const status: GeneratorStatus = {
          name,
          state: "running",
          gathered: 0,
          dropped: 0,
          invalid: 0,
          missedTicks: 0,
          failures: 0,
          lastTickMillis: undefined,
          lastGatheredAt: undefined,
          lastError: undefined
        }
        generators.set(name, status)
        return status
      },
      queue,
      sender,
      snapshot: Effect.sync((): PipelineSnapshot => ({
        generators: Array.from(generators.values(), (status) => ({ ...status })),
        queue: { ...queue },
        sender: { ...sender }
      }))
    }
  }
}) {}
