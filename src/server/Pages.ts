import {
  FileSystem,
  HttpApi,
  HttpApiBuilder,
  HttpRouter,
  HttpServerRequest,
  HttpServerResponse,
  OpenApi,
  Path
} from "@effect/platform"
import { NodeHttpServerRequest } from "@effect/platform-node"
import { Context, Effect, Layer } from "effect"
import { gzip } from "node:zlib"
import { Api } from "../wire/Api.js"
import { HTTP_PATH, SOCKET_PATH } from "../wire/Endpoint.js"
import { jsonText, refusedResponse } from "./Refused.js"
import type { ServerParts } from "./ServerParts.js"

const always = {
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cache-control": "no-cache"
}

const dashboardHeaders = {
  ...always,
  "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; " +
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

// The documentation page carries its scripts inside itself, so that it works without the internet.
const docsHeaders = {
  ...always,
  "content-security-policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; " +
    "img-src 'self' data:; font-src data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
}

const fallbackPage = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>metrics-collector</title></head>
<body>
<h1>metrics-collector</h1>
<p>The server runs. Its dashboard was not built: run <code>npm run build</code> in the project and start again.</p>
<ul>
<li><a href="/docs">The HTTP API</a></li>
<li><a href="/api/latest">The newest values</a></li>
<li><a href="/api/status">The state of the server</a></li>
<li><a href="/metrics">The server's own metrics</a></li>
</ul>
</body>
</html>
`

const notFound = refusedResponse({ status: 404, code: "not-found", message: "there is nothing here; see /docs" })

const decodePath = (url: string): string | undefined => {
  try {
    return decodeURIComponent(url.split("?")[0])
  } catch {
    return undefined
  }
}

/** What is text and shrinks, with the type that a browser wants to hear. */
const textTypes: { readonly [extension: string]: string | undefined } = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8"
}

const takesGzip = ({ headers }: HttpServerRequest.HttpServerRequest): boolean =>
  /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/.test(headers["accept-encoding"] ?? "")

const gzipped = (bytes: Uint8Array): Effect.Effect<Uint8Array, Error> =>
  Effect.async((resume) =>
    gzip(bytes, (error, packed) => resume(error === null ? Effect.succeed(packed) : Effect.fail(error)))
  )

/** A file of the dashboard, and never one outside its folder. */
const dashboardFile = (folder: string, { incidents }: Pick<ServerParts, "incidents">) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const request = yield* HttpServerRequest.HttpServerRequest
    const wanted = decodePath(request.url)
    if (wanted === undefined || wanted.includes("\0")) return notFound
    const root = path.resolve(folder)
    const file = path.resolve(root, `.${wanted.endsWith("/") ? `${wanted}index.html` : wanted}`)
    if (!file.startsWith(root + path.sep)) {
      const { remoteAddress } = NodeHttpServerRequest.toIncomingMessage(request).socket
      incidents.note("odd-path", remoteAddress, wanted)
      return notFound
    }
    const info = yield* fs.stat(file)
    if (info.type !== "File") return notFound
    const contentType = textTypes[path.extname(file)]
    if (contentType === undefined || !takesGzip(request)) {
      return yield* HttpServerResponse.file(file, { headers: { ...dashboardHeaders, vary: "accept-encoding" } })
    }
    return HttpServerResponse.uint8Array(yield* Effect.flatMap(fs.readFile(file), gzipped), {
      contentType,
      headers: { ...dashboardHeaders, "content-encoding": "gzip", vary: "accept-encoding" }
    })
  }).pipe(Effect.catchAll(() => Effect.succeed(notFound)))

// Browsers ask for it wherever a page names no icon, as that of the API.
const icon = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>" +
  "<rect width='16' height='16' rx='3' fill='#0072b2'/>" +
  "<path d='M2 11l3-5 3 4 2-6 4 7' fill='none' stroke='#fff' stroke-width='1.6' stroke-linejoin='round' stroke-linecap='round'/>" +
  "</svg>"

// The page of the API is 2 MB of script: it is loaded when it is first asked for.
const makeDocs = (service: typeof HttpApi.Api.Service, version: string) =>
  Effect.gen(function*() {
    const api = { ...service, api: service.api.annotate(OpenApi.Version, version) }
    const swagger = yield* Effect.promise(() => import("@effect/platform/HttpApiSwagger"))
    const context = yield* Effect.scoped(Layer.build(
      swagger.layer({ path: "/docs" }).pipe(
        Layer.provide(Layer.succeed(HttpApi.Api, api)),
        Layer.provideMerge(HttpApiBuilder.Router.Live)
      )
    ))
    return yield* HttpRouter.toHttpApp(yield* Context.get(context, HttpApiBuilder.Router).router)
  })

/** The dashboard or the page in its place, `/docs`, `/openapi.json`, and a word to those who ask for the socket by HTTP. */
export const pages = (parts: ServerParts) =>
  HttpApiBuilder.Router.use((router) =>
    Effect.gen(function*() {
      const docs = yield* Effect.cached(makeDocs(yield* HttpApi.Api, parts.version))
      yield* router.get(
        "/docs",
        Effect.map(Effect.flatten(docs), HttpServerResponse.setHeaders(docsHeaders))
      )
      yield* router.get(
        "/openapi.json",
        Effect.sync(() =>
          jsonText(JSON.stringify(OpenApi.fromApi(Api.annotate(OpenApi.Version, parts.version))), { headers: always })
        )
      )
      yield* router.get(
        "/favicon.ico",
        Effect.succeed(HttpServerResponse.text(icon, { contentType: "image/svg+xml", headers: always }))
      )
      yield* router.get(
        SOCKET_PATH,
        Effect.succeed(refusedResponse({
          status: 426,
          code: "upgrade-required",
          message: `${SOCKET_PATH} is a WebSocket; over HTTP, POST to ${HTTP_PATH}`
        }))
      )
      yield* router.get("/api/*", Effect.succeed(notFound))
      const folder = parts.dashboardDir
      if (folder === undefined) {
        yield* router.get(
          "/",
          Effect.succeed(
            HttpServerResponse.html(fallbackPage).pipe(
              HttpServerResponse.setHeaders(dashboardHeaders)
            )
          )
        )
      } else yield* router.get("/*", dashboardFile(folder, parts))
    })
  )
