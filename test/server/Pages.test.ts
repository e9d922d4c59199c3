import { FileSystem, Path } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { memoryStore, request, startServer } from "./TestServer.js"

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
