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
