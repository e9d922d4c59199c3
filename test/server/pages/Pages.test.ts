import { FileSystem, Path } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { acceptsGzip } from "../../../src/server/pages/acceptsGzip.js"
import { type Answer, memoryStore, request, startServer } from "../TestServer.js"

const environment = Layer.merge(memoryStore, NodeContext.layer)

describe("pages", () => {
  it.scopedLive("serves the files of the dashboard and none beside it", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const parent = yield* fs.makeTempDirectoryScoped()
      const dashboardDir = path.join(parent, "dashboard")
      yield* fs.makeDirectory(path.join(dashboardDir, "assets"), { recursive: true })
      yield* fs.writeFileString(path.join(dashboardDir, "index.html"), "<title>dash</title>")
      yield* fs.writeFileString(path.join(dashboardDir, "assets", "app.js"), "let a")
      yield* fs.writeFileString(path.join(parent, "dashboard-secret"), "secret")
      const server = yield* startServer({ dashboardDir })
      const index = yield* request(server, "/")
      expect(index).toMatchObject({ status: 200, text: "<title>dash</title>" })
      expect(index.headers["content-type"]).toMatch(/^text\/html/)
      expect(index.headers["content-security-policy"]).toMatch(/script-src 'self'; .*frame-ancestors 'none'/)
      expect(index.headers["x-content-type-options"]).toBe("nosniff")
      const script = yield* request(server, "/assets/app.js?v=1")
      expect(script).toMatchObject({ status: 200, text: "let a" })
      expect(script.headers["content-type"]).toMatch(/javascript/)
      for (
        const wanted of [
          "/../dashboard-secret",
          "/%2e%2e/dashboard-secret",
          "/..%2fdashboard-secret",
          "/-secret",
          "/../dashboard-secret%00",
          "/assets",
          "/nothing.js",
          "/%zz",
          "/api/nothing"
        ]
      ) {
        const answer = yield* request(server, wanted)
        expect(answer.status, wanted).toBe(404)
        expect(answer.text).not.toContain("secret")
      }
    }).pipe(Effect.provide(environment)))

  it.scopedLive("packs the dashboard for whoever takes gzip, and for nobody else", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const dashboardDir = yield* fs.makeTempDirectoryScoped()
      const script = "let a = 1\n".repeat(1_000)
      yield* fs.writeFileString(path.join(dashboardDir, "app.js"), script)
      const { port } = yield* startServer({ dashboardDir })
      const get = (encodings: string) =>
        Effect.promise(async () => {
          const response = await fetch(`http://127.0.0.1:${port}/app.js`, { headers: { "accept-encoding": encodings } })
          return {
            encoding: response.headers.get("content-encoding"),
            vary: response.headers.get("vary"),
            type: response.headers.get("content-type"),
            length: Number(response.headers.get("content-length")),
            text: await response.text()
          }
        })
      const packed = yield* get("br, gzip;q=0.5")
      expect(packed).toMatchObject({ encoding: "gzip", vary: "accept-encoding", text: script })
      expect(packed.type).toMatch(/javascript/)
      expect(packed.length).toBeLessThan(script.length / 10)
      for (const encodings of ["identity", "br, gzip;q=0"]) {
        expect(yield* get(encodings)).toMatchObject({ encoding: null, vary: "accept-encoding", text: script })
      }
    }).pipe(Effect.provide(environment)))

  it.scopedLive("knows each form of a page by its own tag, and does not send again what a client has", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const dashboardDir = yield* fs.makeTempDirectoryScoped()
      const file = path.join(dashboardDir, "app.js")
      yield* fs.writeFileString(file, "let a = 1\n".repeat(1_000))
      yield* fs.writeFile(path.join(dashboardDir, "font.woff2"), new Uint8Array(2_000))
      const server = yield* startServer({ dashboardDir })
      const get = (page: string, headers: { readonly [name: string]: string } = {}) =>
        request(server, page, { headers })
      const tagOf = (answer: Answer) => answer.headers.etag ?? "none"
      for (const page of ["/app.js", "/docs", "/openapi.json"]) {
        const plain = yield* get(page)
        const packed = yield* get(page, { "accept-encoding": "GZIP" })
        expect(packed.headers, page).toMatchObject({ "content-encoding": "gzip", vary: "accept-encoding" })
        expect(plain.headers["content-encoding"], page).toBeUndefined()
        expect(plain.headers["vary"], page).toBe("accept-encoding")
        expect(tagOf(plain)).toMatch(/^"[^"]+"$/)
        expect(tagOf(packed)).toMatch(/^"[^"]+"$/)
        expect(tagOf(packed)).not.toBe(tagOf(plain))
        for (const named of [tagOf(plain), `W/${tagOf(plain)}`, `"other", ${tagOf(plain)}`, "*"]) {
          expect(yield* get(page, { "if-none-match": named }), named).toMatchObject({
            status: 304,
            text: "",
            headers: { etag: tagOf(plain), vary: "accept-encoding", "cache-control": "no-cache" }
          })
        }
        // Each form has its own tag: the other is another thing.
        expect(yield* get(page, { "if-none-match": tagOf(packed) })).toMatchObject({ status: 200, text: plain.text })
        expect(yield* get(page, { "if-none-match": tagOf(packed), "accept-encoding": "gzip" })).toMatchObject({
          status: 304,
          headers: { etag: tagOf(packed) }
        })
      }
      for (const page of ["/favicon.ico", "/font.woff2"]) {
        const tag = tagOf(yield* get(page))
        expect(yield* get(page, { "if-none-match": tag }), page).toMatchObject({ status: 304, headers: { etag: tag } })
      }
      const before = tagOf(yield* get("/app.js"))
      yield* fs.writeFileString(file, "let b = 2\n".repeat(2_000))
      const after = yield* get("/app.js", { "if-none-match": before })
      expect(after).toMatchObject({ status: 200, text: "let b = 2\n".repeat(2_000) })
      expect(tagOf(after)).not.toBe(before)
    }).pipe(Effect.provide(environment)))

  it.scopedLive("sends a page anew that was exchanged for one of equal size and time, as all of a package are", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const dashboardDir = yield* fs.makeTempDirectoryScoped()
      const file = path.join(dashboardDir, "index.html")
      const released = new Date("1985-10-26T08:15:00Z")
      const install = (text: string) =>
        Effect.zipRight(fs.writeFileString(`${file}.new`, text), fs.utimes(`${file}.new`, released, released)).pipe(
          Effect.zipRight(fs.rename(`${file}.new`, file))
        )
      yield* install("<script src=app-1.js>")
      const server = yield* startServer({ dashboardDir })
      expect((yield* request(server, "/")).text).toBe("<script src=app-1.js>")
      yield* install("<script src=app-2.js>")
      expect((yield* request(server, "/")).text).toBe("<script src=app-2.js>")
    }).pipe(Effect.provide(environment)))

  it.scopedLive("says that pages depend on the encoding to pages of other sites too", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ allowedOrigins: ["https://dash.example.com"] })
      const answer = yield* request(server, "/openapi.json", { headers: { origin: "https://dash.example.com" } })
      expect(answer.headers["vary"]).toBe("accept-encoding, origin")
    }).pipe(Effect.provide(environment)))

  it.each<[string | undefined, boolean]>([
    [undefined, false],
    ["", false],
    ["gzip", true],
    ["GZip", true],
    ["x-gzip", true],
    ["deflate, gzip ; Q=0.001", true],
    ["*", true],
    ["*;q=0", false],
    ["gzip;q=0", false],
    ["GZIP;q=0.000, *", false],
    ["gzip; q=0, identity", false],
    ["gzipped, br", false],
    ["identity, *;q=0.5", false],
    ["identity;q=0.5, gzip", true],
    ["gzip;q=2", false]
  ])("reads Accept-Encoding: %s", (header, wanted) => {
    expect(acceptsGzip(header)).toBe(wanted)
  })

  it.scopedLive("says how to build a dashboard that is not there", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      expect(yield* request(server, "/")).toMatchObject({ status: 200, text: expect.stringContaining("npm run build") })
      expect(yield* request(server, "/nothing")).toMatchObject({ status: 404, json: { code: "not-found" } })
    }).pipe(Effect.provide(environment)))

  it.scopedLive("describes the API on a page that needs no internet", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ version: "1.2.3" })
      const spec = yield* request(server, "/openapi.json")
      expect(spec.json).toMatchObject({
        openapi: "3.1.0",
        info: { version: "1.2.3" },
        paths: { "/api/query": { get: {} } }
      })
      const page = yield* request(server, "/docs")
      expect(page.status).toBe(200)
      expect(page.text).toContain("swagger-ui")
      expect(page.text).not.toMatch(/<(?:script|link)[^>]+(?:src|href)=/)
      expect(page.text).toContain("\"version\":\"1.2.3\"")
      expect(yield* request(server, "/favicon.ico")).toMatchObject({
        status: 200,
        headers: { "content-type": "image/svg+xml" }
      })
      expect(page.headers["content-security-policy"]).toContain("default-src 'none'")
    }).pipe(Effect.provide(environment)))
})
