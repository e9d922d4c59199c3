import { Data, Duration, Effect, Option } from "effect"
import { metadataProblem } from "../../domain/Json.js"
import { ProcProbe } from "./ProcProbe.js"
import type { SystemFilters } from "./SystemFilters.js"

/** What to watch of a host, and how. */
export interface SystemOptions {
  /** Time from sample to sample, 100 ms to a day; default 1 s. */
  readonly interval?: Duration.DurationInput
  /**
   * How the host is read: `proc` reads /proc and /sys of Linux,
   * `systeminformation` asks the npm package, anywhere. Default `auto`: `proc`
   * where there is a /proc to read.
   */
  readonly probe?: "auto" | "proc" | "systeminformation"
  /** Where the host's /proc is seen (`/proc`). In a container that watches its host: `/host/proc`, say. */
  readonly procfs?: string
  /** Where the host's /sys is seen (`/sys`). */
  readonly sysfs?: string
  /** Where the host's `/` is seen, to ask its filesystems for their space. By default found through `procfs`. */
  readonly rootfs?: string
  /** The tag `host`; by default the name the system gives this host. */
  readonly hostname?: string
  /** Tags on every metric. They may replace `host`, never a tag that tells series apart (`core`, `device`, …). */
  readonly tags?: { readonly [tag: string]: string }
  /** What is left out; defaults for loop and RAM disks, virtual interfaces, filesystems in memory or of containers. */
  readonly filters?: SystemFilters
}

/** Options that were checked and completed. */
export interface SystemSettings {
  readonly interval: Duration.Duration
  readonly probe: "proc" | "systeminformation"
  readonly procfs: string
  readonly sysfs: string
  readonly rootfs: string | undefined
  readonly hostname: string | undefined
  readonly tags: { readonly [tag: string]: string }
  readonly filters: SystemFilters
}

/** The options of the system generator cannot be used. */
export class SystemOptionsError extends Data.TaggedError("SystemOptionsError")<{ readonly message: string }> {}

const refuse = (message: string) => Effect.fail(new SystemOptionsError({ message: `system: ${message}` }))

const shortestInterval = Duration.millis(100)
const longestInterval = Duration.days(1)

/** Checks and completes what does not concern the probe. */
export const checkTicks = (
  options: Pick<SystemOptions, "interval" | "tags">
): Effect.Effect<Pick<SystemSettings, "interval" | "tags">, SystemOptionsError> =>
  Effect.gen(function*() {
    const { interval: given = "1 second", tags = {} } = options
    const interval = Option.getOrUndefined(Duration.decodeUnknown(given))
    if (
      interval === undefined || !Duration.between(interval, { minimum: shortestInterval, maximum: longestInterval })
    ) {
      return yield* refuse(`the interval must be 100 milliseconds to a day, not ${String(given)}`)
    }
    const problem = metadataProblem(tags)
    if (problem !== undefined) return yield* refuse(`tags: ${problem}`)
    return { interval, tags }
  })

/** Checks and completes all options, and decides on the probe. */
export const checkOptions = (options: SystemOptions): Effect.Effect<SystemSettings, SystemOptionsError> =>
  Effect.gen(function*() {
    const ticks = yield* checkTicks(options)
    const { filters = {}, hostname, probe: asked = "auto", procfs = "/proc", rootfs, sysfs = "/sys" } = options
    if (hostname !== undefined) {
      const problem = hostname === "" ? "it is empty" : metadataProblem({ host: hostname })
      if (problem !== undefined) return yield* refuse(`the hostname cannot be used: ${problem}`)
    }
    const settings = { ...ticks, filters, hostname, procfs, rootfs, sysfs }
    const elsewhere = procfs !== "/proc" || sysfs !== "/sys" || rootfs !== undefined
    if (asked === "systeminformation") {
      return elsewhere
        ? yield* refuse(
          "the probe \"systeminformation\" cannot be pointed at another procfs, sysfs or rootfs; use \"proc\""
        )
        : { ...settings, probe: asked }
    }
    if (ProcProbe.isAvailable({ procfs })) return { ...settings, probe: "proc" }
    // Never fall back from roots that somebody named: the numbers would be another host's.
    if (asked === "proc" || elsewhere) {
      return yield* refuse(
        `there is no readable ${procfs}/stat. Set procfs to where this host's /proc is mounted` +
          (procfs === "/proc" ? ", or use the probe \"systeminformation\"" : "")
      )
    }
    return { ...settings, probe: "systeminformation" }
  })
