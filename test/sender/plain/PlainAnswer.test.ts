import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import { readPlainAnswer, readPlainReply } from "../../../src/sender/plain/PlainAnswer.js"

const account = (accepted: number, rejected: ReadonlyArray<number> = []) =>
  JSON.stringify({ accepted, rejected: rejected.map((index) => ({ index, message: "no" })) })

const ofStatus = (status: number, body = "") =>
  Either.match(readPlainAnswer(3, status, body, "7"), {
    onLeft: (error) =>
      error._tag === "DeliveryRefused"
        ? "stops"
        : error.untaken === true
        ? `later, in no doubt, after ${error.retryAfterMillis}`
        : `later, in doubt, after ${error.retryAfterMillis}`,
    onRight: ({ rejected, uncounted }) => ({ rejected, uncounted })
  })

const allTaken = { rejected: [], uncounted: 0 }

describe("the answer to a plain POST", () => {
  it("is the word of the server that it has all, whatever a 2xx says", () => {
    for (const [status, body] of [[200, ""], [201, "created"], [202, "{}"], [204, ""], [200, account(3)]] as const) {
      assert.deepStrictEqual(ofStatus(status, body), allTaken)
    }
  })

  it("names what was refused where it is of our form, also where that is all", () => {
    assert.deepStrictEqual(ofStatus(200, account(2, [1])), { rejected: [[1, "no"]], uncounted: 0 })
    assert.deepStrictEqual(ofStatus(422, account(0, [0, 1, 2])), {
      rejected: [[0, "no"], [1, "no"], [2, "no"]],
      uncounted: 0
    })
  })

  it("is not taken for an account of ours when it does not add up", () => {
    assert.deepStrictEqual(ofStatus(200, account(1)), { rejected: [], uncounted: 2 })
    assert.deepStrictEqual(ofStatus(200, account(7)), allTaken)
    assert.deepStrictEqual(ofStatus(200, account(2, [9])), allTaken)
    assert.strictEqual(ofStatus(422, account(0)), "stops")
    assert.strictEqual(ofStatus(400, account(0, [7, 8, 9])), "stops")
  })

  it("stops delivery where no retry helps, and comes again after any other status", () => {
    for (const status of [301, 400, 401, 403, 413, 415, 422]) assert.strictEqual(ofStatus(status), "stops")
    assert.strictEqual(ofStatus(200, " <!doctype html><p>Log in"), "stops")
    for (const status of [404, 408, 429, 503]) assert.match(JSON.stringify(ofStatus(status)), /in no doubt, after 7000/)
    for (const status of [500, 502, 504]) assert.match(JSON.stringify(ofStatus(status)), /in doubt, after 7000/)
  })
})

describe("what a server says on a plain socket", () => {
  it("is an answer when it is of type success or error, and nothing else is", () => {
    for (const text of ["", "ok", "[]", "null", "{}", "{\"type\":\"news\"}", "{\"status\":\"success\"}"]) {
      assert.strictEqual(readPlainReply(text, 3), undefined)
    }
    assert.deepStrictEqual(readPlainReply("{\"type\":\"success\"}", 3), { _tag: "Taken", verdict: allTaken })
  })

  it("that is an error accounts for every metric, or says that it failed", () => {
    const error = (body: string) => readPlainReply(`{"type":"error","message":"why",${body.slice(1)}`, 3)
    assert.deepStrictEqual(error(account(2, [1])), {
      _tag: "Taken",
      verdict: { rejected: [[1, "no"]], uncounted: 0 }
    })
    for (const body of [account(0), account(2), "{\"more\":1}"]) {
      assert.deepStrictEqual(error(body), { _tag: "Failed", message: "why" })
    }
  })
})
