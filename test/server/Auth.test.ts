import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Auth, isLoopback } from "../../src/server/Auth.js"
import { memoryStore, post, request, startServer } from "./TestServer.js"

const token = Redacted.make("s3cret")
const bearer = { authorization: "Bearer s3cret" }
const metric = { origin: "a", metric_type: "m", value: 1 }

const login = (server: { readonly port: number }, body: unknown, headers: { readonly [name: string]: string } = {}) =>
  request(server, "/api/session", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body)
  })

describe("Auth", () => {
  it("knows loopback", () => {
    for (const host of ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "a.localhost"]) {
      expect(isLoopback(host), host).toBe(true)
    }
    for (const host of ["0.0.0.0", "::", "", "192.168.1.1", "127.0.0.1.evil.example", "localhost.evil.example"]) {
      expect(isLoopback(host), host).toBe(false)
    }
  })

  it("names an owner by the digest of the token", () => {
    const auth = new Auth({ tokens: [token], host: "127.0.0.1", allowedOrigins: [] })
    expect(auth.ownerOf(bearer)).toBe("1ec1c26b50d5d3c5")
    expect(auth.isCurrentOwner("1ec1c26b50d5d3c5")).toBe(true)
    expect(auth.isCurrentOwner("")).toBe(false)
    expect(auth.ownerOf({ authorization: "Bearer s3cret2" })).toBeUndefined()
    expect(auth.ownerOf({ authorization: "Basic s3cret" })).toBeUndefined()
    const open = new Auth({ tokens: [], host: "127.0.0.1", allowedOrigins: [] })
    expect(open.ownerOf({})).toBe("")
  })

  it.scopedLive("lets nobody read or write without the token, and says what to do", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ token })
      for (
        const path of [
          "/api/series",
          "/api/query?metric_type=m",
          "/api/latest",
          "/api/status",
          "/api/losses",
          "/api/live",
          "/metrics"
        ]
      ) {
        for (const headers of [{}, { authorization: "Bearer wrong" }, { cookie: "metrics_session=s3cret" }]) {
          const answer = yield* request(server, path, { headers })
          expect(answer, path).toMatchObject({ status: 401, json: { code: "unauthorized" } })
          expect(answer.headers["www-authenticate"]).toContain("Bearer")
        }
      }
      expect(yield* post(server, metric)).toMatchObject({ status: 401 })
      expect(yield* post(server, metric, bearer)).toMatchObject({ status: 200 })
      expect(yield* request(server, "/api/latest", { headers: bearer })).toMatchObject({ status: 200, json: [metric] })
      for (const path of ["/healthz", "/readyz", "/", "/openapi.json"]) {
        expect(yield* request(server, path), path).toMatchObject({ status: 200 })
      }
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("is not talked past by other ways to write a path", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ token })
      yield* post(server, metric, bearer)
      for (
        const path of [
          "/API/latest",
          "/Api/Status",
          "/%61pi/latest",
          "//api/latest",
          "/api//latest",
          "/api/latest/",
          "/api/latest;x",
          "/./api/latest",
          "/healthz/../api/latest",
          "/api/session/../latest",
          `http://localhost:${server.port}/api/latest`,
          "HTTP://localhost/api/latest",
          "/METRICS",
          "/metrics/",
          "//metrics",
          "/%6detrics",
          "/metrics;x",
          "*"
        ]
      ) {
        expect(yield* request(server, path), path).toMatchObject({ status: 401 })
        const posted = yield* request(server, path.replace("latest", "metrics"), {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(metric)
        })
        expect(posted, path).toMatchObject({ status: 401 })
      }
      expect((yield* request(server, "/api/series", { headers: bearer })).json).toMatchObject([{ points: 1 }])
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("takes a token with the line break of the file that it was read from", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ token: Redacted.make("s3cret\n") })
      expect(yield* request(server, "/api/status", { headers: bearer })).toMatchObject({ status: 200 })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("gives a browser a cookie for the token, and never the token itself", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ token })
      expect(yield* login(server, { token: "wrong" })).toMatchObject({ status: 401 })
      expect(yield* login(server, {})).toMatchObject({ status: 400 })
      expect(yield* login(server, { token: "s3cret" }, { "content-type": "text/plain" })).toMatchObject({ status: 415 })
      const granted = yield* login(server, { token: "s3cret" })
      expect(granted.status).toBe(204)
      const cookie = granted.headers["set-cookie"]?.[0] ?? ""
      expect(cookie).toMatch(/HttpOnly; SameSite=Strict/)
      expect(cookie).not.toContain("s3cret")
      const headers = { cookie: cookie.split(";")[0] }
      expect(yield* request(server, "/api/status", { headers })).toMatchObject({ status: 200 })
      // A page elsewhere that makes the browser send the cookie is refused, for reading and for writing.
      const foreign = { ...headers, origin: "https://evil.example" }
      expect(yield* request(server, "/api/status", { headers: foreign })).toMatchObject({ status: 403 })
      expect(yield* post(server, metric, foreign)).toMatchObject({ status: 403, json: { code: "foreign-origin" } })
      expect(yield* post(server, metric, { ...headers, origin: server.url })).toMatchObject({ status: 200 })
      const forgotten = yield* request(server, "/api/session", { method: "DELETE", headers })
      expect(forgotten.headers["set-cookie"]?.[0]).toContain("Max-Age=0")
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("refuses foreign pages and foreign names on loopback, and lets in those that are allowed", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ allowedOrigins: ["https://dash.example.com"] })
      for (const origin of ["https://evil.example", "null", `http://localhost.evil.example:${server.port}`]) {
        expect(yield* post(server, metric, { origin }), origin).toMatchObject({ status: 403 })
      }
      expect(yield* request(server, "/api/latest", { headers: { host: "evil.example" } })).toMatchObject({
        status: 403,
        json: { code: "foreign-host" }
      })
      for (const host of [`localhost:${server.port}`, `127.0.0.1:${server.port}`, "[::1]:1", "dash.example.com"]) {
        expect(yield* request(server, "/api/latest", { headers: { host } }), host).toMatchObject({ status: 200 })
      }
      const origin = "https://dash.example.com"
      const allowed = yield* post(server, metric, { origin })
      expect(allowed).toMatchObject({ status: 200, headers: { "access-control-allow-origin": origin } })
      const preflight = yield* request(server, "/api/metrics", { method: "OPTIONS", headers: { origin } })
      expect(preflight).toMatchObject({ status: 204, headers: { "access-control-allow-origin": origin } })
      const refused = yield* request(server, "/api/metrics", {
        method: "OPTIONS",
        headers: { origin: "https://e.example" }
      })
      expect(refused.headers["access-control-allow-origin"]).toBeUndefined()
    }).pipe(Effect.provide(memoryStore)))
})
