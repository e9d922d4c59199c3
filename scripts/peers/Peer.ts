import { Data, type Effect, type Scope } from "effect"

/** A peer is not on this machine. */
export class PeerMissing extends Data.TaggedError("PeerMissing")<{
  /** What is missing, and how it could be had. */
  readonly message: string
}> {}

/** A peer did not do what it should have, so that nothing can be said of it. */
export class PeerError extends Data.TaggedError("PeerError")<{ readonly message: string }> {}

/** What parts are measured with. */
export interface Bench {
  /** How long an agent is watched, s. */
  readonly seconds: number
  /** Folder that packages from npm are found from. */
  readonly modules: string
  /** The built executable of this package. */
  readonly executable: string
  /** Folder of a part's own; it goes with the scope. */
  readonly folder: Effect.Effect<string, never, Scope.Scope>
  /** The file of a bundled program by its name. */
  readonly program: (name: ProgramName) => string
}

/** Programs that are bundled for a measurement. */
export const programs = [
  "scripts/peers/OwnLibrary",
  "scripts/peers/PromClientLibrary",
  "scripts/peers/OpenTelemetryLibrary",
  "scripts/peers/StatsdLibrary",
  "scripts/peers/OtlpFloor",
  "scripts/delivery/Client",
  "scripts/delivery/CeilingClient"
] as const

export type ProgramName = typeof programs[number]

/** What came of measuring. */
export interface PartOutcome {
  readonly version?: string
  readonly values: Readonly<Record<string, number>>
}

/** A part of the comparison: something that is measured by itself. */
export interface Part {
  /** As `--only` names it. */
  readonly name: string
  /** As the tables name it. */
  readonly title: string
  /** What is behind its figures, where it needs less than this package; shown only then. */
  readonly why?: string
  readonly measure: (bench: Bench) => Effect.Effect<PartOutcome, PeerMissing | PeerError, Scope.Scope>
}
