import { Effect, Layer } from "effect"
import { LossLedger } from "../telemetry/LossLedger.js"
import { PipelineStatus } from "../telemetry/PipelineStatus.js"
import { type DeadLetter, Outbox, OutboxError, type OutboxLimits } from "./Outbox.js"
import { randomId, randomUuid } from "./outbox/Entropy.js"
import type { OutboxStorage, StoredBatch } from "./outbox/OutboxStorage.js"
import { makeStoredOutbox } from "./outbox/StoredOutbox.js"
import { checkSenderName } from "./SenderName.js"

const defaults: OutboxLimits = { maxBytes: 64 * 1_048_576, overflow: "block", maxDeadLetters: 1_000, maxLosses: 1_000 }

// The place of the first batch that begins at or after an offset.
const placeOf = (batches: ReadonlyArray<StoredBatch>, offset: number): number => {
  let low = 0
  let high = batches.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (batches[middle].first < offset) low = middle + 1
    else high = middle
  }
  return low
}

/** A process has one stream in memory: nothing is left of earlier ones. */
const memoryStorage = (maxDeadLetters: number): OutboxStorage => {
  const batches: Array<StoredBatch> = []
  const definitions = new Map<number, string>()
  const deadLetters: Array<DeadLetter> = []
  return {
    commit: (change) => {
      for (const { from, to } of change.remove ?? []) {
        const at = placeOf(batches, from)
        batches.splice(at, placeOf(batches, to) - at)
      }
      for (const batch of change.batches ?? []) batches.push(batch)
      for (const [id, definition] of change.define ?? []) definitions.set(id, definition)
      for (const letter of change.deadLetters ?? []) deadLetters.push(letter)
      if (deadLetters.length > maxDeadLetters) deadLetters.splice(0, deadLetters.length - maxDeadLetters)
    },
    shortage: () => 0,
    batchAt: (_, offset) => {
      const batch: StoredBatch | undefined = batches[placeOf(batches, offset + 1) - 1]
      return batch === undefined || batch.first > offset || batch.first + batch.count <= offset
        ? undefined
        : { first: batch.first, bytes: batch.bytes, batch }
    },
    firstAfter: (_, offset) => batches[placeOf(batches, offset + 1)]?.first,
    heads: (_, from, limit) => {
      const at = placeOf(batches, from)
      return batches.slice(at, at + limit)
    },
    tally: (_, upTo) => {
      let bytes = 0
      let count = 0
      while (count < batches.length && batches[count].first + batches[count].count <= upTo) {
        bytes += batches[count++].bytes
      }
      return { batches: count, bytes, to: count === 0 ? 0 : batches[count - 1].first + 1 }
    },
    definitions: (_, ids) => ids.flatMap((id) => definitions.get(id) ?? []),
    deadLetters: () => [...deadLetters]
  }
}

const errorOf = (cause: unknown): OutboxError =>
  new OutboxError({ reason: "Failed", message: `the outbox failed: ${String(cause)}`, cause })

/** An outbox in memory: what is not delivered when the process ends is lost. */
export const MemoryOutbox = {
  /** Unless told otherwise it holds 64 MiB, makes callers wait when it is full, and keeps 1,000 dead letters. */
  layer: (options: Partial<OutboxLimits> & { readonly sender?: string } = {}): Layer.Layer<Outbox, OutboxError> =>
    Layer.effect(
      Outbox,
      Effect.gen(function*() {
        const { sender, ...limits } = options
        const bounds = { ...defaults, ...limits }
        const opening = {
          sender: sender === undefined ? yield* randomUuid : yield* checkSenderName(sender),
          stream: yield* randomId,
          streams: [],
          losses: [],
          deadLetters: 0
        }
        return yield* makeStoredOutbox(memoryStorage(bounds.maxDeadLetters), opening, bounds, errorOf)
      })
    ).pipe(Layer.provide(Layer.merge(LossLedger.Default, PipelineStatus.Default)))
} as const
