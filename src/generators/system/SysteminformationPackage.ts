import { Effect } from "effect"
import type { Systeminformation } from "systeminformation"
import { ProbeError } from "./SystemProbe.js"

/** What the package answers: `null`, or `null` in any part, where the platform cannot tell. Its own types deny that. */
type Answer<A> = Promise<Partial<Nullable<A>> | null>
type Nullable<A> = { readonly [K in keyof A]: A[K] | null }

/** The calls of the package `systeminformation` that the probe makes. */
export interface Package {
  readonly mem: () => Answer<Systeminformation.MemData>
  readonly fsOpenFiles: () => Answer<Systeminformation.FsOpenFilesData>
  readonly fsSize: () => Promise<ReadonlyArray<Nullable<Systeminformation.FsSizeData>> | null>
  readonly fsStats: () => Answer<Systeminformation.FsStatsData>
  readonly disksIO: () => Answer<Systeminformation.DisksIoData>
  readonly networkStats: (
    interfaces: string
  ) => Promise<ReadonlyArray<Nullable<Systeminformation.NetworkStatsData>> | null>
  readonly cpuTemperature: () => Answer<Systeminformation.CpuTemperatureData>
  readonly processes: () => Answer<Pick<Systeminformation.ProcessesData, "all" | "running" | "blocked">>
}

/** Loads the package, which takes 20,000 lines, only when its probe is asked for. */
export const loadPackage: Effect.Effect<Package, ProbeError> = Effect.tryPromise({
  try: () => import("systeminformation"),
  catch: (cause) =>
    new ProbeError({
      probe: "systeminformation",
      message: "The package systeminformation cannot be loaded. Install it (npm install systeminformation), or on " +
        "Linux use the probe \"proc\".",
      cause
    })
})
