import { describe, it } from "@effect/vitest"
import * as assert from "node:assert/strict"
import { judgeSpace } from "../../../src/cli/check/CheckHost.js"
import { DEFAULT_OUTBOX_BYTES } from "../../../src/sender/SqliteOutbox.js"

describe("the space on the disk of the outbox", () => {
  it("is enough when the outbox can grow to its limit there", () => {
    assert.equal(judgeSpace(DEFAULT_OUTBOX_BYTES, 0).advice, undefined)
    assert.equal(judgeSpace(10_000_000, DEFAULT_OUTBOX_BYTES).advice, undefined)
    assert.equal(judgeSpace(0, 2 * DEFAULT_OUTBOX_BYTES).advice, undefined)
  })

  it("is too little when the disk would be full first, and how much is said", () => {
    const { advice = "", says } = judgeSpace(100_000_000, 73_741_824)
    assert.match(says, /100MB are free; the outbox takes 73\.7MB, and at most 1\.07GB/)
    assert.match(advice, /make room for 900MB more/)
  })
})
