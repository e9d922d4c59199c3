import { Effect, Random } from "effect"

/** A random id of 128 bits as hexadecimal digits. */
export const storeId: Effect.Effect<string> = Effect.map(
  Effect.replicateEffect(Random.nextIntBetween(0, 2 ** 32), 4),
  (parts) => parts.map((part) => part.toString(16).padStart(8, "0")).join("")
)
