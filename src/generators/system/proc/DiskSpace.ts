import { Clock, Duration, Effect, Fiber, LogLevel, Option, type Scope } from "effect"
import type { FilesystemMetrics } from "../../../domain/SystemMetrics.js"
import { LastKnown } from "../LastKnown.js"
import { type FilesystemSpace, StatFs } from "../StatFs.js"
import type { Mount } from "./Mounts.js"

/** How often space is asked for. */
const every = Duration.seconds(5)

/** How long one filesystem may take before the next is asked. */
const patience = Duration.seconds(1)

/** How long the last answer of a filesystem counts. */
const keep = Duration.seconds(60)

/**
 * How many filesystems may hang at a time before no other is asked: each
 * occupies one of the four threads that Node has for files and name lookups.
 */
const mostHanging = 2

interface Known {
  readonly metrics: FilesystemMetrics
  readonly round: number
}

const toMetrics = (mount: Mount, space: FilesystemSpace): FilesystemMetrics => ({
  ...mount,
  totalBytes: space.blocks * space.blockSize,
  usedBytes: Math.max(0, space.blocks - space.blocksFree) * space.blockSize,
  availableBytes: space.blocksAvailable * space.blockSize,
  inodes: space.inodes > 0 ? space.inodes : undefined,
  inodesFree: space.inodes > 0 ? space.inodesFree : undefined
})

/**
 * Keeps the space of the filesystems that `mounts` lists at the time. They are
 * asked in the background, one after the other. One that does not answer is
 * left to itself and is not asked again until it has; its last answer counts
 * for a minute. `root` is where the host's `/` is seen.
 */
const make = (
  mounts: (nowMillis: number) => ReadonlyArray<Mount>,
  root: string
): Effect.Effect<LastKnown<ReadonlyArray<FilesystemMetrics>>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const statFs = yield* StatFs
    const prefix = root.replace(/\/+$/, "")
    const hanging = new Set<string>()
    const known = new Map<string, Known>()
    const warned = new Set<string>()
    const mostRounds = Duration.toMillis(keep) / Duration.toMillis(every)
    let round = 0

    const ask = (mount: Mount): Effect.Effect<Option.Option<FilesystemSpace>> =>
      Effect.gen(function*() {
        const { device, mountpoint, type } = mount
        if (hanging.has(mountpoint) || hanging.size >= mostHanging) return Option.none()
        const fiber = yield* statFs(prefix + mountpoint).pipe(
          Effect.option,
          Effect.ensuring(Effect.sync(() => hanging.delete(mountpoint))),
          Effect.forkIn(scope)
        )
        const answer = yield* Fiber.join(fiber).pipe(Effect.timeoutOption(patience))
        if (Option.isSome(answer)) return answer.value
        if (Option.isNone(yield* Fiber.poll(fiber))) {
          hanging.add(mountpoint)
          yield* Effect.logWithLevel(
            // One that is always slow must not fill the log.
            warned.has(mountpoint) ? LogLevel.Debug : LogLevel.Warning,
            `The filesystem at ${mountpoint} (${type}, ${device}) does not answer, so its space is unknown. ` +
              "Is its server up? To leave it out, exclude its mount point."
          )
          warned.add(mountpoint)
        }
        return Option.none()
      })

    const read = Effect.gen(function*() {
      round++
      const listed = mounts(yield* Clock.currentTimeMillis)
      for (const mount of listed) {
        const space = yield* ask(mount)
        if (Option.isSome(space) && space.value.blocks > 0) {
          known.set(mount.mountpoint, { metrics: toMetrics(mount, space.value), round })
        }
      }
      const filesystems: Array<FilesystemMetrics> = []
      for (const { device, mountpoint } of listed) {
        const last = known.get(mountpoint)
        if (last === undefined || last.metrics.device !== device || round - last.round > mostRounds) continue
        filesystems.push(last.metrics)
      }
      for (const [mountpoint, { round: at }] of known) if (round - at > mostRounds) known.delete(mountpoint)
      return filesystems
    })

    return yield* LastKnown.make("The space of filesystems", read, { every, keep })
  })

/** Makes the readings of disk space. */
export const DiskSpace = { make }
