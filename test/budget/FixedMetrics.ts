import { Effect, TestClock, TestContext } from "effect"
import { BenchMetrics } from "../../scripts/delivery/BenchMetrics.js"
import { GenericMetric } from "../../src/domain/GenericMetric.js"
import { ProcProbe } from "../../src/generators/system/ProcProbe.js"
import { StatFs } from "../../src/generators/system/StatFs.js"
import { eventually, fixtureStatFs, makeFixtureHost } from "../generators/system/FixtureHost.js"

const begin = 1_700_000_000_000

/** What `--system` gives at each of so many seconds, on the recorded host of the probe's tests: always the same. */
export const systemTicks = (count: number): Effect.Effect<ReadonlyArray<ReadonlyArray<GenericMetric>>, unknown> =>
  Effect.scoped(Effect.gen(function*() {
    yield* TestClock.setTime(begin)
    const host = yield* makeFixtureHost
    const { procfs, root, sysfs } = host
    const probe = yield* ProcProbe.make({ host: "fixture", procfs, sysfs, rootfs: root }).pipe(
      Effect.provideService(StatFs, fixtureStatFs(host))
    )
    const complete = eventually(
      probe.sample,
      ({ filesystems, temperatures }) => filesystems !== undefined && temperatures !== undefined
    )
    yield* complete
    yield* TestClock.adjust("10 seconds")
    host.goOn()
    const metrics = (yield* complete).toGenericMetrics()
    return Array.from(
      { length: count },
      (_, i) =>
        metrics.map(({ metadata, metricType, origin, value }) =>
          new GenericMetric({ origin, metricType, value, timestamp: begin + 1_000 * i, metadata })
        )
    )
  })).pipe(Effect.provide(TestContext.TestContext))

/** Batches of 1,000 of the metrics that the benchmark of delivery sends: 200 series, once a second. */
export const gaugeBatches = (count: number): ReadonlyArray<ReadonlyArray<GenericMetric>> => {
  const metrics = new BenchMetrics()
  return Array.from({ length: count }, () => metrics.batch())
}
