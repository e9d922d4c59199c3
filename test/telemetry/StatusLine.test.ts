import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as assert from "node:assert/strict"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"
import { renderStatusLine } from "../../src/telemetry/StatusLine.js"

describe("the status line", () => {
  const lines = Effect.gen(function*() {
    const status = yield* PipelineStatus
    const before = yield* status.snapshot
    status.generator("system").gathered = 120
    status.sender.transport = "http"
    status.sender.acknowledged = 80
    status.sender.pending = 1_500
    const now = yield* status.snapshot
    status.generator("dice").state = "waiting"
    status.generator("system").dropped = 3
    return { before, now, troubled: yield* status.snapshot }
  }).pipe(Effect.provide(PipelineStatus.Default))

  it.effect("tells transport, rates and what waits", () =>
    Effect.gen(function*() {
      const { before, now } = yield* lines
      assert.equal(
        renderStatusLine(now, before, 2_000, 120),
        "http · in 60/s · out 40/s · pending 1.50k · queue 0 · stored 80"
      )
    }))

  it.effect("tells losses and failing generators before what matters less", () =>
    Effect.gen(function*() {
      const { before, troubled } = yield* lines
      assert.match(renderStatusLine(troubled, before, 2_000, 120), /pending 1\.50k · lost 3 · failing dice · queue/)
    }))

  it.effect("says of plain mode what is delivered and what of it is unverified, and calls nothing stored", () =>
    Effect.gen(function*() {
      const { before, now } = yield* lines
      const plain = { ...now, sender: { ...now.sender, plain: true, unverified: 30 } }
      assert.equal(
        renderStatusLine(plain, before, 2_000, 120),
        "http · in 60/s · out 40/s · pending 1.50k · unverified 30 · queue 0 · delivered 80"
      )
    }))

  it.effect("never fills the last column, so that a narrow terminal does not wrap it", () =>
    Effect.gen(function*() {
      const { before, troubled } = yield* lines
      for (let width = 10; width < 100; width++) {
        assert.ok(renderStatusLine(troubled, before, 1_000, width).length < width)
      }
      assert.equal(renderStatusLine(troubled, before, 2_000, 20), "http · in 60/s")
    }))
})
