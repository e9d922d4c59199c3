import type { Deferred, Effect } from "effect"
import type { MetricStore } from "../store/MetricStore.js"
import type { PipelineSnapshot } from "../telemetry/PipelineStatus.js"
import type { Auth } from "./Auth.js"
import type { Door } from "./door/Door.js"
import type { Incidents } from "./door/Incidents.js"
import type { InFlight } from "./door/InFlight.js"
import type { StreamWays } from "./ingest/StreamWays.js"
import type { ServerCounters } from "./ServerCounters.js"

/** What the handlers of one server share. */
export interface ServerParts {
  readonly store: typeof MetricStore.Service
  readonly counters: ServerCounters
  readonly ways: StreamWays
  readonly auth: Auth
  readonly door: Door
  readonly incidents: Incidents
  readonly inFlight: InFlight
  readonly maxBodyBytes: number
  readonly maxFrameBytes: number
  /** How many batches of a connection may wait for their ack. */
  readonly window: number
  readonly version: string
  /** Ms since the epoch. */
  readonly startedAt: number
  /** Whether clients come over TLS. */
  readonly secure: boolean
  /** Folder of the built dashboard, where there is one. */
  readonly dashboardDir: string | undefined
  /** The collector in the same process, where there is one. */
  readonly pipeline: Effect.Effect<PipelineSnapshot> | undefined
  /** Done when the server stops: endless answers end then. */
  readonly stopping: Deferred.Deferred<void>
}
