import { Context, Effect, Random } from "effect"
import { randomBytes } from "node:crypto"

/**
 * Where the ids of outboxes and their streams come from. Effect's own `Random`
 * starts from a seed of 32 bits: among some ten thousand openings two would
 * likely get one stream id, and the server would take the second for a replay
 * of the first. So the system's generator is the default, and a simulation
 * provides {@link seededEntropy}.
 */
export class Entropy extends Context.Reference<Entropy>()("metrics-collector/sender/Entropy", {
  defaultValue: (): { readonly bytes: (count: number) => Effect.Effect<Uint8Array> } => ({
    bytes: (count) => Effect.sync(() => randomBytes(count))
  })
}) {}

/** Bytes of the `Random` service: the same for the same seed. */
export const seededEntropy: typeof Entropy.Service = {
  bytes: (count) =>
    Effect.map(
      Effect.replicateEffect(Random.nextIntBetween(0, 256), count),
      (bytes) => Uint8Array.from(bytes)
    )
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** A random id of 128 bits, as 32 hexadecimal digits. */
export const randomId: Effect.Effect<string> = Effect.flatMap(
  Entropy,
  (entropy) => Effect.map(entropy.bytes(16), hex)
)

/** A random UUID (version 4). */
export const randomUuid: Effect.Effect<string> = Effect.map(randomId, (id) => {
  const variant = "89ab"[Number.parseInt(id[16], 16) & 3]
  return [id.slice(0, 8), id.slice(8, 12), `4${id.slice(13, 16)}`, `${variant}${id.slice(17, 20)}`, id.slice(20)].join(
    "-"
  )
})
