import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import { parseEndpoint } from "../../src/wire/Endpoint.js"

describe("parseEndpoint", () => {
  it.each([
    ["ws://localhost:5000/ws/metrics", "ws://localhost:5000/ws/metrics", "http://localhost:5000/api/metrics"],
    ["ws://localhost:5000", "ws://localhost:5000/ws/metrics", "http://localhost:5000/api/metrics"],
    ["http://localhost:5000/", "ws://localhost:5000/ws/metrics", "http://localhost:5000/api/metrics"],
    ["https://m.example/in/api/metrics", "wss://m.example/in/ws/metrics", "https://m.example/in/api/metrics"],
    ["wss://m.example/in/ws/metrics/", "wss://m.example/in/ws/metrics", "https://m.example/in/api/metrics"]
  ])("reads %s", (text, socketUrl, httpUrl) => {
    expect(Either.getOrThrow(parseEndpoint(text))).toMatchObject({ socketUrl, httpUrl })
  })

  it("lets the HTTP side be named", () => {
    expect(Either.getOrThrow(parseEndpoint("ws://a:1/socket", "https://b/take"))).toEqual({
      socketUrl: "ws://a:1/socket",
      httpUrl: "https://b/take",
      serverUrl: "http://a:1"
    })
  })

  it.each([
    ["localhost:5000", "not understood"],
    ["not a url", "is no URL"],
    ["ftp://localhost", "not understood"],
    ["ws://me:secret@localhost", "must not carry a password"],
    ["http://localhost/other", "does not end in /api/metrics"]
  ])("says what to write instead of %s", (text, message) => {
    const result = parseEndpoint(text)
    expect(Either.isLeft(result) ? result.left.message : "taken").toContain(message)
    expect(Either.isLeft(result) ? result.left.message : "").not.toContain("secret")
  })
})
