import { describe, it } from "@effect/vitest"
import { Chunk, Effect, Stream } from "effect"
import * as assert from "node:assert/strict"
import { withGlobalTags } from "../../../src/cli/agent/GlobalTags.js"
import { GenericMetric } from "../../../src/domain/GenericMetric.js"

const shared = Object.freeze({ core: "1" })

const generator = {
  name: "two",
  generateMetrics: Stream.fromChunk(Chunk.make(
    new GenericMetric({ origin: "a", metricType: "b", value: 1, metadata: shared }),
    new GenericMetric({ origin: "a", metricType: "b", value: 2, metadata: shared }),
    new GenericMetric({ origin: "a", metricType: "b", value: 3, metadata: { rack: "own" } })
  ))
}

describe("withGlobalTags", () => {
  it.effect("adds tags, leaves a metric's own, and keeps shared metadata shared", () =>
    Effect.gen(function*() {
      const [one, two, three] = yield* Stream.runCollect(withGlobalTags({ rack: "7" })(generator).generateMetrics)
      assert.deepEqual(one.metadata, { core: "1", rack: "7" })
      assert.equal(one.metadata, two.metadata)
      assert.deepEqual(three.metadata, { rack: "own" })
      assert.deepEqual([one.value, two.value, three.value], [1, 2, 3])
    }))
})
