import { describe, it } from "@effect/vitest"
import * as assert from "node:assert/strict"
import type { SeriesPoints } from "../../../src/store/MetricStore.js"
import { writeAnswer } from "../../../src/store/query/AnswerText.js"
import { PIECE_BYTES, TextMemory } from "../../../src/store/query/TextMemory.js"

const series = (host: string, points: number): SeriesPoints => {
  const time = Array.from({ length: points }, (_, i) => 1_700_000_000_000 + i)
  return { origin: "test", metricType: "m", tags: { host }, time, value: time.map((_, i) => i), fields: [] }
}

describe("the text of an answer", () => {
  for (
    const [what, all] of [
      ["one series of many points", [series("a", 50_000)]],
      ["many series of a point", Array.from({ length: 10_000 }, (_, i) => series(`host-${i}`, 1))],
      ["many series without points", Array.from({ length: 10_000 }, (_, i) => series(`host-${i}`, 0))]
    ] as const
  ) {
    it(`comes in pieces of some size, be it of ${what}`, () => {
      const pieces = Array.from(writeAnswer({ series: all, truncated: false }, false, new TextMemory()))
      assert.ok(pieces.length > 1)
      for (const { bytes } of pieces) assert.ok(bytes.length < PIECE_BYTES + 1_024)
      assert.deepEqual(pieces.map(({ isLast }) => isLast), pieces.map((_, i) => i === pieces.length - 1))
      const text = Buffer.concat(pieces.map(({ bytes }) => bytes)).toString("utf8")
      assert.deepEqual(JSON.parse(text), {
        series: all.map(({ metricType, origin, tags, time, value }) => ({
          origin,
          metric_type: metricType,
          tags,
          points: time.map((at, i) => [at, value[i]])
        })),
        truncated: false
      })
    })
  }
})
