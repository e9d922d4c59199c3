import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import { readAnswer } from "../../src/sender/HttpTransport.js"

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
