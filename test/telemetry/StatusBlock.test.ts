import { describe, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import * as assert from "node:assert/strict"
import { printableLine } from "../../src/domain/Printable.js"
import type { LossTotal } from "../../src/telemetry/LossLedger.js"
import {
  type GeneratorStatus,
  type PipelineSnapshot,
  PipelineStatus,
  type QueueStatus,
  type SenderStatus
} from "../../src/telemetry/PipelineStatus.js"
import { type BlockLine, renderStatusBlock, type StatusView } from "../../src/telemetry/StatusBlock.js"
import { nodeWidth } from "../domain/NodeWidth.js"

const fresh = Effect.runSync(
  Effect.gen(function*() {
    const status = yield* PipelineStatus
    const generator = { ...status.generator("") }
    return { ...(yield* status.snapshot), generator }
  }).pipe(Effect.provide(PipelineStatus.Default))
)

const generator = (name: string, own: Partial<GeneratorStatus> = {}): GeneratorStatus => ({
  ...fresh.generator,
  name,
  ...own
})

const url = "ws://metrics.example:5000/ws/metrics"

const snapshot = (
  generators: ReadonlyArray<GeneratorStatus> = [],
  sender: Partial<SenderStatus> = {},
  queue: Partial<QueueStatus> = {}
): PipelineSnapshot => ({
  generators,
  queue: { ...fresh.queue, capacity: 65_536, ...queue },
  sender: { ...fresh.sender, endpoint: url, transport: "socket", capacityBytes: 1_073_741_824, ...sender }
})

const at = 1_763_900_000_000

const view = (now: PipelineSnapshot, own: Partial<StatusView> = {}): StatusView => ({
  now,
  before: snapshot(),
  millis: 2_000,
  at,
  losses: [],
  ...own
})

const textOf = (line: BlockLine): string => line.map(({ text }) => text).join("")

const shown = (of: StatusView, columns = 80, rows = 10): ReadonlyArray<string> =>
  renderStatusBlock(of, { columns, rows }).map(textOf)

const lineOf = (label: string, of: StatusView, columns = 80, rows = 50): string | undefined =>
  shown(of, columns, rows).find((line) => line.startsWith(label))?.slice(11)

const healthy = view(
  snapshot(
    [generator("dice", { gathered: 4 }), generator("system", { gathered: 150 }), generator("stdin", { state: "done" })],
    { acknowledged: 120, pending: 34, pendingBytes: 512 },
    { size: 7 }
  ),
  { dashboard: "http://127.0.0.1:5000/" }
)

const outage = view(snapshot([generator("system", { gathered: 150 })], {
  transport: "waiting",
  retryAt: at + 11_200,
  lastError: "HTTP: Transport error (POST http://metrics.example:5000/api/metrics): connect ECONNREFUSED 10.0.0.7:5000",
  acknowledged: 120,
  lastAcknowledgedAt: at - 45_000,
  pending: 1_500,
  pendingBytes: 310_000,
  reconnects: 2
}))

const everythingWrong = view(
  snapshot(
    [
      generator("system", { gathered: 150 }),
      ...["a", "b", "c", "d", "e"].map((name) =>
        generator(name, { state: "waiting", failures: 3, lastError: "the sensor is gone" })
      )
    ],
    {
      transport: "stopped",
      retryAt: at + 60_000,
      lastError: "the server does not let this sender in (HTTP 401); check its token (--token)",
      acknowledged: 40,
      rejected: 12,
      lastRejection: "value: expected a finite number",
      unverified: 3,
      pending: 5,
      pendingBytes: 1_073_741_824
    },
    { size: 60_000 }
  ),
  {
    dashboard: "http://127.0.0.1:5000/",
    losses: [
      { source: "system", reason: "missed-tick", count: 70, uncounted: 0 },
      { source: "outbox", reason: "outbox-overflow", count: 1_200, uncounted: 0 },
      { source: "collector", reason: "unclean-end", count: 0, uncounted: 1 },
      { source: "sender", reason: "server-rejected", count: 12, uncounted: 0 }
    ]
  }
)

describe("the status block", () => {
  it("tells where metrics go, how many come from whom, what waits, what is stored, and where to look", () => {
    assert.deepEqual(shown(healthy, 80, 24), [
      "",
      "Delivery   socket · ws://metrics.example:5000/ws/metrics",
      "Gathered   77/s · system 75/s · dice 2/s · stdin ended",
      "Pending    outbox 34 · 512B of 1.07GB · queue 7 of 65.5k",
      "Stored     120 · 60/s",
      "Dashboard  http://127.0.0.1:5000/"
    ])
  })

  it("tells of an outage what is wrong, when it is tried again, and since when nothing is stored", () => {
    assert.deepEqual(shown(outage, 120, 12), [
      "Delivery   waiting · again in 12 s · ws://metrics.example:5000/ws/metrics",
      "Problem    HTTP: Transport error (POST http://metrics.example:5000/api/metrics): connect ECONNREFUSED 10.0.0.7:5000",
      "Gathered   75/s · system 75/s",
      "Pending    outbox 1.50k · 310kB of 1.07GB · queue 0 of 65.5k",
      "Stored     120 · 60/s · last 45 s ago · 2 reconnects"
    ])
    assert.match(lineOf("Problem", outage, 60) ?? "", /^HTTP: Transport….*ECONNREFUSED 10\.0\.0\.7:5000$/)
  })

  it("says that an attempt is under way when no time is known for the next", () => {
    const now = snapshot([], { ...outage.now.sender, retryAt: undefined })
    assert.match(lineOf("Delivery", view(now)) ?? "", /^waiting · trying again now · ws:/)
  })

  it("names the other ways of delivery, each by a word of its own", () => {
    const delivery = (own: Partial<SenderStatus>) => lineOf("Delivery", view(snapshot([], own)))
    assert.equal(delivery({ transport: "connecting" }), `connecting · ${url}`)
    assert.equal(delivery({ transport: "http", retryAt: at + 3_000 }), `http · socket again in 3 s · ${url}`)
    assert.equal(delivery({ transport: "stopped", retryAt: at + 60_000 }), `STOPPED · again in 60 s · ${url}`)
    assert.equal(
      delivery({ transport: "connecting", endpoint: "standard output", capacityBytes: undefined }),
      "standard output"
    )
  })

  it("tells what is lost, refused, in doubt and failing, with the reasons, and what is nearly full", () => {
    assert.deepEqual(
      shown(everythingWrong, 120, 50),
      [
        "",
        `Delivery   STOPPED · again in 60 s · ${url}`,
        "Problem    the server does not let this sender in (HTTP 401); check its token (--token)",
        "Gathered   75/s · system 75/s",
        "Failing    a · 3 times · the sensor is gone",
        "           b · 3 times · the sensor is gone",
        "           c · 3 times · the sensor is gone",
        "           and 2 more",
        "Pending    outbox 5 · 1.07GB of 1.07GB, full · queue 60.0k of 65.5k, nearly full",
        "Stored     28 · 20/s",
        "Unverified 3 · see outbox losses",
        "Rejected   12 · value: expected a finite number",
        "Lost       1.27k and uncounted · outbox-overflow of outbox 1.20k · missed-tick of system 70 · " +
        "unclean-end of collector uncounted",
        "Dashboard  http://127.0.0.1:5000/"
      ].map((line) => line.length < 120 ? line : lineBefore(line, 119))
    )
  })

  it("calls nothing stored that only the word of a server of another kind stands for", () => {
    const plain = view(snapshot([], { plain: true, acknowledged: 30 }))
    assert.equal(lineOf("Delivered", plain), "30 · 15/s")
    assert.equal(lineOf("Stored", plain), undefined)
  })

  it("counts the generators for which there is no room, the least busy ones", () => {
    const many = view(snapshot(
      Array.from({ length: 30 }, (_, index) => generator(`generator-${index}`, { gathered: 2 * index }))
    ))
    assert.equal(lineOf("Gathered", many, 80), "435/s · generator-29 29/s · generator-28 28/s · and 28 more")
    assert.equal(lineOf("Gathered", many, 40), "435/s · 30 generators")
    assert.match(lineOf("Gathered", many, 200) ?? "", /generator-22 22\/s · and 22 more$/)
  })

  it("leaves out, where rows are few, what matters less than a problem", () => {
    assert.deepEqual(shown(everythingWrong, 60, 8).map((line) => line.slice(0, 10).trim()), [
      "Delivery",
      "Problem",
      "Rejected",
      "Lost"
    ])
    assert.deepEqual(shown(healthy, 60, 8).map((line) => line.slice(0, 10).trim()), [
      "Delivery",
      "Gathered",
      "Pending",
      "Stored"
    ])
  })

  it("is one line where the terminal is very low or narrow", () => {
    for (const [columns, rows] of [[80, 5], [39, 24]] as const) {
      const lines = shown(healthy, columns, rows)
      assert.equal(lines.length, 1)
      assert.match(lines[0] ?? "", /^socket · in 77\/s/)
    }
  })

  it("tells by a tone nothing that it does not tell by words", () => {
    const words = { good: /^socket$/, bad: /waiting|STOPPED|\d|uncounted/, warning: /http|full|\d|^[a-e]$/ }
    for (const  of of[healthy, outage, everythingWrong]) {
      for (const { text, tone } of renderStatusBlock(of, { columns: 120, rows: 50 }).flat()) {
        if (tone !== "plain" && tone !== "dim") assert.match(text, words[tone])
      }
    }
  })
})

const lineBefore = (line: string, width: number): string => {
  const pieces = line.split(" · ")
  let shown = pieces.length
  const withRest = () => [...pieces.slice(0, shown), `and ${pieces.length - shown} more`].join(" · ")
  while (withRest().length > width) shown--
  return withRest()
}

const anyName = FastCheck.oneof(
  // Node's line editor, which counts the columns here, composes what it counts.
  FastCheck.string({ unit: "binary", maxLength: 60 }).map((text) => text.normalize("NFC")),
  FastCheck.constantFrom("中文".repeat(40), "👩‍👩‍👧".repeat(20), "\u001b[2J", "a\tb\nc\r", "x".repeat(300), "")
)

const count = FastCheck.oneof(FastCheck.constant(0), FastCheck.nat(), FastCheck.maxSafeNat())

const maybe = <A>(of: FastCheck.Arbitrary<A>) => FastCheck.option(of, { nil: undefined })

const anyGenerator = FastCheck.record({
  name: anyName,
  state: FastCheck.constantFrom(...(["running", "waiting", "done"] as const)),
  gathered: count,
  failures: count,
  lastError: maybe(anyName)
}).map(({ name, ...own }) => generator(name, own))

const anySender = FastCheck.record({
  endpoint: maybe(anyName),
  transport: FastCheck.constantFrom(...(["connecting", "socket", "http", "waiting", "stopped"] as const)),
  acknowledged: count,
  rejected: count,
  lastRejection: maybe(anyName),
  plain: FastCheck.boolean(),
  unverified: count,
  pending: count,
  pendingBytes: count,
  capacityBytes: maybe(count),
  reconnects: count,
  retryAt: maybe(count),
  lastAcknowledgedAt: maybe(count),
  lastError: maybe(anyName)
})

const anyLoss: FastCheck.Arbitrary<LossTotal> = FastCheck.record({
  source: anyName,
  reason: FastCheck.constantFrom("queue-overflow", "invalid", "missed-tick", "unverified", "server-rejected"),
  count,
  uncounted: count
})

const anyView = FastCheck.record({
  generators: FastCheck.array(anyGenerator, { maxLength: 12 }),
  earlier: FastCheck.array(anyGenerator, { maxLength: 12 }),
  sender: anySender,
  size: count,
  losses: FastCheck.array(anyLoss, { maxLength: 6 }),
  dashboard: maybe(anyName),
  millis: FastCheck.nat(10_000)
}).map(({ dashboard, earlier, generators, losses, millis, sender, size }) =>
  view(snapshot(generators, sender, { size }), { before: snapshot(earlier), losses, dashboard, millis })
)

for (const columns of [40, 60, 80, 200]) {
  for (const rows of [5, 10, 24, 50]) {
    it(`the block on ${columns} columns and ${rows} rows leaves half of them and never wraps, whatever the names`, () => {
      FastCheck.assert(
        FastCheck.property(anyView, (of) => {
          const lines = shown(of, columns, rows)
          assert.ok(lines.length >= 1 && lines.length <= Math.floor(rows / 2), `${lines.length} lines`)
          for (const line of lines) {
            assert.ok(nodeWidth(line) < columns, `${nodeWidth(line)} columns: ${line}`)
            assert.equal(line, printableLine(line))
            assert.doesNotMatch(line, /\t|undefined|NaN/)
          }
        }),
        { numRuns: 60 }
      )
    })
  }
}
