import { HttpClient, HttpClientError, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Layer } from "effect"
import { SeriesDictionary } from "../../src/sender/batch/SeriesDictionary.js"
import { JOINED_BYTES, JoinedLimit } from "../../src/sender/delivery/JoinedLimit.js"
import { makePositions } from "../../src/sender/delivery/Positions.js"
import { deliverOverHttp, readAnswer } from "../../src/sender/HttpTransport.js"
import { MemoryOutbox } from "../../src/sender/MemoryOutbox.js"
import { Outbox } from "../../src/sender/Outbox.js"
import { LossLedger } from "../../src/telemetry/LossLedger.js"
import { PipelineStatus } from "../../src/telemetry/PipelineStatus.js"
import { suiteBatch } from "../../src/testing/OutboxSuite.js"

const taken = JSON.stringify({ stream: "s", next: 7, rejected: [[3, "no"]] })

/** How an answer is read: `taken`, `gap`, `later` (with its wait) or `refused`. */
const kind = (status: number, body = "", retryAfter?: string): string => {
  const read = readAnswer("s", status, body, retryAfter)
  if (Either.isRight(read)) return read.right._tag === "Taken" ? "taken" : "gap"
  return read.left._tag === "DeliveryRefused" ? "refused" : `later ${read.left.retryAfterMillis ?? 0}`
}

describe("the answer to a POST", () => {
  it("of a server of ours is taken, with its rejections", () => {
    assert.deepStrictEqual(
      readAnswer("s", 200, taken),
      Either.right({ _tag: "Taken", stream: "s", next: 7, rejected: [[3, "no"]] })
    )
    assert.deepStrictEqual(readAnswer("s", 409, "{\"next\":4}"), Either.right({ _tag: "Gap", next: 4 }))
  })

  it("that no server of ours gives stops delivery", () => {
    const foreign = ["", "<html>", "{}", "null", "{\"stream\":\"other\",\"next\":7}", "{\"stream\":\"s\",\"next\":-1}"]
    for (const body of foreign) assert.strictEqual(kind(200, body), "refused", body)
    for (const body of ["", "{}", "{\"next\":1.5}"]) assert.strictEqual(kind(409, body), "refused", body)
    for (const status of [301, 302, 307, 308, 400, 401, 403, 413, 422]) assert.strictEqual(kind(status), "refused")
  })

  it("that may be another one later is tried again, after the time that the server asks for", () => {
    for (const status of [408, 404, 425, 429, 500, 502, 503, 504]) assert.strictEqual(kind(status), "later 0")
    assert.strictEqual(kind(429, "", "7"), "later 7000")
    assert.strictEqual(kind(429, "", "86400"), "later 3600000")
    assert.strictEqual(kind(503, "", "Wed, 25 Nov 2026 10:00:00 GMT"), "later 0")
  })

  it("says what to do, and what the server said", () => {
    const message = (status: number, body: string): string =>
      Either.match(readAnswer("s", status, body), { onLeft: (error) => error.message, onRight: () => "" })
    assert.match(
      message(401, "{\"code\":\"unauthorized\",\"message\":\"no token\"}"),
      /no token; check its token \(--token\)/
    )
    assert.match(message(413, ""), /raise the limit/)
    assert.match(message(302, ""), /give the URL that it redirects to/)
    assert.match(message(200, "<html>"), /does not answer like a metrics-collector server/)
  })
})

/** What may be joined after one request to which this happened, as a part of the most. */
const joinedAfter = (execute: Parameters<typeof HttpClient.make>[0]) =>
  Effect.gen(function*() {
    const outbox = yield* Outbox
    const { sender: status } = yield* PipelineStatus
    const joined = new JoinedLimit()
    const positions = makePositions(outbox, status, yield* LossLedger)
    const client = HttpClient.make(execute)
    yield* outbox.append([suiteBatch(new SeriesDictionary(), 0, 10)], () => {})
    yield* Effect.flip(
      deliverOverHttp(
        { outbox, positions, client, status, url: "http://fake.test", headers: {}, joined },
        Effect.void
      )
    )
    return joined.bytes / JOINED_BYTES
  }).pipe(Effect.provide(Layer.mergeAll(MemoryOutbox.layer(), LossLedger.Default, PipelineStatus.Default)))

/** A request that ends with an error of the network, of this code. */
const failing = (code: string): Parameters<typeof HttpClient.make>[0] => (request) =>
  Effect.fail(
    new HttpClientError.RequestError({ request, reason: "Transport", cause: Object.assign(new Error(code), { code }) })
  )

const answering =
  (status: number, headers: Record<string, string> = {}): Parameters<typeof HttpClient.make>[0] => (request) =>
    Effect.succeed(HttpClientResponse.fromWeb(request, new Response("", { status, headers })))

describe("a request that fails", () => {
  it.effect("has fewer batches joined in the next one where it may have been too much", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* joinedAfter(failing("ECONNRESET")), 1 / 4)
      assert.strictEqual(yield* joinedAfter(answering(413)), 1 / 4)
      assert.strictEqual(yield* joinedAfter(answering(504)), 1 / 4)
    }))

  it.effect("has as many joined where no server was there, or it is busy: less at once would be more work for it", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* joinedAfter(failing("ECONNREFUSED")), 1)
      assert.strictEqual(yield* joinedAfter(answering(503, { "retry-after": "1" })), 1)
      assert.strictEqual(yield* joinedAfter(answering(429, { "retry-after": "1" })), 1)
    }))
})
