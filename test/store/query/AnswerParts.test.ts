import { describe, it } from "@effect/vitest"
import * as assert from "node:assert/strict"
import type { JsonObject } from "../../../src/domain/Json.js"
import type { QueryAnswer, SeriesPoints } from "../../../src/store/MetricStore.js"
import { AnswerJoiner, packAnswer } from "../../../src/store/query/WorkerMessages.js"

const seriesOf = (name: string, count: number, fieldsOf: (i: number) => JsonObject | undefined): SeriesPoints => ({
  origin: "test",
  metricType: "m",
  tags: { name },
  time: Array.from({ length: count }, (_, i) => i),
  value: Array.from({ length: count }, (_, i) => i / 3),
  fields: Array.from({ length: count }, (_, i) => fieldsOf(i))
})

describe("parts of an answer", () => {
  it("are put together as they were, wherever series and fields begin and end", () => {
    const answer: QueryAnswer = {
      series: [
        seriesOf("short", 3, () => undefined),
        seriesOf("alike", 3, () => undefined),
        seriesOf("over two borders", 50_000, () => undefined),
        seriesOf("with fields in the last part alone", 45_000, (i) => i > 44_000 ? { i } : undefined),
        seriesOf("with fields in the first part alone", 45_000, (i) => i < 10 ? { i } : undefined),
        seriesOf("empty", 0, () => undefined),
        seriesOf("with fields", 3, (i) => ({ i }))
      ],
      truncated: true,
      cursor: "next"
    }
    const joiner = new AnswerJoiner()
    const parts = Array.from(packAnswer(answer, []))
    assert.ok(parts.length > 6)
    const results = parts.map((part) => joiner.add(part))
    assert.deepEqual(results.slice(0, -1), parts.slice(0, -1).map(() => undefined))
    assert.deepEqual(results.at(-1), { answer, damaged: [] })
  })
})
