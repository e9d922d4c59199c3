import { Clock, Duration, Effect, type Scope } from "effect"
import type { StoreError } from "../MetricStore.js"
import type { GroupCommit } from "./GroupCommit.js"

/** How often a file that could not be written is tried. */
const probeEvery = Duration.seconds(5)

/** How often the log may speak of it. */
const sayEvery = Duration.minutes(1)

const advice = ({ reason }: StoreError, path: string): string =>
  reason === "Full"
    ? `make room on the disk of ${path} (--retention and --retention-size bound what is kept)`
    : `see to it that the file system of ${path} is sound, mounted for writing, and this user's; ` +
      "stop other programs that write the file"

/**
 * Watches over the writes of a file: tells the operator, once a minute at the
 * most, that they fail and what to do, tries the file with `probe` meanwhile,
 * and tells when they succeed again. No timer runs while all is well.
 */
export const watchWrites = (
  path: string,
  commits: GroupCommit,
  probe: () => void
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    const failing = yield* Effect.makeLatch(false)
    commits.onFailing(() => failing.unsafeOpen())
    let said = -Infinity
    const outage = Effect.gen(function*() {
      yield* failing.await
      yield* failing.close
      const since = yield* Clock.currentTimeMillis
      let told = false
      for (let health = commits.health(); health.problem !== undefined; health = commits.health()) {
        const now = yield* Clock.currentTimeMillis
        if (now - said >= Duration.toMillis(sayEvery)) {
          said = now
          told = true
          yield* Effect.logError(
            `the store cannot be written, ${health.refused} writes were refused and nothing of them was taken: ` +
              `${health.problem.message}; ${advice(health.problem, path)}. Senders keep what they have and try again`
          )
        }
        yield* Effect.sleep(probeEvery)
        // Its failure is a fact like that of any other write.
        yield* Effect.ignore(commits.writeNow({ run: probe, committed: () => undefined }))
      }
      if (!told) return
      const lasted = Duration.millis((yield* Clock.currentTimeMillis) - since)
      yield* Effect.logInfo(`the store can be written again, after ${Duration.format(lasted)}`)
    })
    yield* Effect.forkScoped(Effect.forever(outage))
  })
