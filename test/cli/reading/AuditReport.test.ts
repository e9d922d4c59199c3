import { describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as assert from "node:assert/strict"
import { type AuditInput, auditSender, uncovered } from "../../../src/cli/reading/AuditReport.js"
import type { OutboxFileStatus, OutboxFileStream } from "../../../src/sender/outbox/OutboxFile.js"

const streamOf = (own: Partial<OutboxFileStream>): OutboxFileStream => ({
  stream: "s",
  acked: 0,
  next: 0,
  pending: 0,
  batches: 0,
  bytes: 0,
  oldest: undefined,
  held: [],
  skipped: [],
  declarations: [],
  plain: undefined,
  ...own
})

const outboxOf = (...streams: ReadonlyArray<OutboxFileStream>): OutboxFileStatus => ({
  sender: "me",
  openedAt: undefined,
  streams,
  losses: []
})

const onServer = (next: number, rejected = 0) => ({
  stream: "s",
  sender: "me",
  next,
  rejected,
  firstSeen: 0,
  lastSeen: 0
})

const lossOf = (from: number, to: number, reason: string, count = to - from) => ({
  stream: "s",
  sender: "me",
  from,
  to,
  count,
  reason,
  at: 0
})

const audit = (own: Partial<AuditInput> & { readonly outbox: OutboxFileStatus }) =>
  auditSender({
    before: own.outbox,
    after: own.outbox,
    server: { streams: [], streamCount: 0 },
    losses: [],
    lossesCut: false,
    deadLetters: [],
    ...own
  })

const serverWith = (...streams: AuditInput["server"]["streams"]) => ({ streams, streamCount: streams.length })

describe("the audit", () => {
  it("accounts for what is stored, pending, refused and lost", () => {
    const [report] = audit({
      outbox: outboxOf(streamOf({
        acked: 40,
        next: 100,
        held: [[40, 70], [80, 100]],
        skipped: [{ stream: "s", from: 70, to: 80, reason: "drop-oldest" }]
      })),
      server: serverWith(onServer(50, 3)),
      losses: [lossOf(10, 15, "drop-oldest"), lossOf(20, 30, "rejected: value", 3)],
      deadLetters: [1, 2, 3].map((id) => ({ id, stream: "s", offset: 20 + id, reason: "value", metric: undefined }))
    })
    assert.deepEqual(report, {
      stream: "s",
      produced: 100,
      stored: 42,
      pending: 40,
      unverified: 0,
      deadLettered: 3,
      lost: 15,
      missing: 0,
      differences: [],
      notes: []
    })
  })

  it("counts an offset that tells of a loss as no metric, wherever it stands", () => {
    const [report] = audit({
      outbox: outboxOf(streamOf({ acked: 40, next: 100, held: [[40, 70], [71, 100]], declarations: [20, 70] })),
      server: serverWith({ ...onServer(50), lost: 5, declarations: 1 }),
      losses: [
        lossOf(10, 15, "drop-oldest"),
        { ...lossOf(20, 21, "missed-tick", 17), generator: "system", timeFrom: 0, timeTo: 1 }
      ]
    })
    assert.deepEqual(report, {
      stream: "s",
      produced: 98,
      stored: 44,
      pending: 49,
      unverified: 0,
      deadLettered: 0,
      lost: 5,
      missing: 0,
      differences: [],
      notes: []
    })
  })

  it("says so when the server's losses name more than it counts, and when older ones are no longer listed", () => {
    const lost = (listed: number) =>
      audit({
        outbox: outboxOf(streamOf({ acked: 20, next: 20 })),
        server: serverWith({ ...onServer(20), lost: 5, declarations: 0 }),
        losses: [lossOf(0, listed, "drop-oldest")]
      })[0]
    assert.match(lost(7).differences.join(), /counts 5 lost metrics, and its losses name 7/)
    assert.deepEqual([lost(3).differences, lost(3).stored], [[], 15])
    assert.match(lost(3).notes.join(), /name 3 of them/)
  })

  it("names the offsets of a hole, which no loss explains", () => {
    const [report] = audit({
      outbox: outboxOf(streamOf({ acked: 10, next: 30, held: [[10, 15], [18, 30]] })),
      server: serverWith(onServer(10))
    })
    assert.equal(report.missing, 3)
    assert.match(report.differences.join(), /offsets 15 to 17/)
  })

  it("names what was acknowledged and is not there: the server went back", () => {
    const [report] = audit({
      outbox: outboxOf(streamOf({ acked: 20, next: 30, held: [[20, 30]] })),
      server: serverWith(onServer(5))
    })
    assert.deepEqual([report.stored, report.pending, report.missing], [5, 10, 15])
    assert.match(report.differences.join(), /offsets 5 to 19 .*older/)
  })

  it("names what the server has and the outbox does not know: the outbox went back", () => {
    const [report] = audit({ outbox: outboxOf(streamOf({ acked: 5, next: 5 })), server: serverWith(onServer(9)) })
    assert.match(report.differences.join(), /offsets 5 to 8 .*older copy/)
  })

  it("proves nothing of a stream that the server does not list any more", () => {
    const [report] = audit({
      outbox: outboxOf(streamOf({ acked: 5, next: 9, held: [[5, 9]] })),
      server: { streams: [], streamCount: 2_000 }
    })
    assert.match(report.differences.join(), /cannot be proved/)
  })

  it("takes what moves while it looks for no difference", () => {
    const [report] = audit({
      outbox: outboxOf(),
      before: outboxOf(streamOf({ acked: 0, next: 10, held: [[0, 10]] })),
      server: serverWith(onServer(8)),
      after: outboxOf(streamOf({ acked: 12, next: 20, held: [[12, 20]] }))
    })
    assert.deepEqual(report.differences, [])
    assert.deepEqual([report.produced, report.stored, report.pending], [20, 12, 8])
  })

  it("counts what plain mode delivered as unverified: no server keeps account of it, and none went back", () => {
    const plain = { from: 20, sent: 70 }
    const [report] = audit({
      outbox: outboxOf(streamOf({ acked: 60, next: 100, held: [[60, 100]], declarations: [30, 80], plain })),
      server: serverWith(onServer(20)),
      deadLetters: [{ id: 1, stream: "s", offset: 25, reason: "value", metric: undefined }]
    })
    assert.deepEqual(report, {
      stream: "s",
      produced: 98,
      stored: 20,
      pending: 39,
      unverified: 38,
      deadLettered: 1,
      lost: 0,
      missing: 0,
      differences: [],
      notes: ["38 metrics were delivered in plain mode: no server keeps account of them"]
    })
  })

  it("the parts are always the whole", () => {
    const number = FastCheck.integer({ min: 0, max: 40 })
    const range = FastCheck.tuple(number, number).map(([a, b]): readonly [number, number] => [
      Math.min(a, b),
      Math.max(a, b) + 1
    ])
    const plains = FastCheck.option(number.map((from) => ({ from, sent: from })), { nil: undefined })
    FastCheck.assert(
      FastCheck.property(number, number, number, FastCheck.array(range), plains, (acked, more, server, held, plain) => {
        const [report] = audit({
          outbox: outboxOf(streamOf({ acked, next: acked + more, held, plain })),
          server: serverWith(onServer(server))
        })
        const { deadLettered, lost, missing, pending, produced, stored, unverified } = report
        assert.equal(stored + pending + unverified + deadLettered + lost + missing, produced)
        for (const count of [stored, pending, unverified, missing]) assert.ok(count >= 0)
      })
    )
  })
})

describe("uncovered", () => {
  it("gives exactly the offsets that no interval holds", () => {
    const number = FastCheck.integer({ min: 0, max: 30 })
    FastCheck.assert(
      FastCheck.property(number, number, FastCheck.array(FastCheck.tuple(number, number)), (from, to, intervals) => {
        const holes = uncovered(from, to, intervals)
        for (let at = 0; at < 31; at++) {
          const isWanted = from <= at && at < to && !intervals.some(([begin, end]) => begin <= at && at < end)
          assert.equal(holes.some(([begin, end]) => begin <= at && at < end), isWanted)
        }
      })
    )
  })
})
