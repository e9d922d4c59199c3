import { Data } from "effect"

/**
 * Stored bytes that cannot be read. `Checksum`: they changed since they were
 * written. `Version`: another program wrote them. `Structure`: they contradict
 * themselves although the checksum is right. Neighbours are not touched by it.
 */
export class DamagedBlob extends Data.TaggedError("DamagedBlob")<{
  readonly blob: "chunk" | "fields" | "rollup"
  readonly reason: "Checksum" | "Version" | "Structure"
  readonly message: string
}> {}
