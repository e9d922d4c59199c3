import { HttpApi, HttpApiBuilder, HttpRouter, HttpServerRequest, OpenApi } from "@effect/platform"
import { Context, Effect, Layer } from "effect"
import { onceForAll } from "../../domain/onceForAll.js"
import { Api } from "../../wire/Api.js"
import { HTTP_PATH, SOCKET_PATH } from "../../wire/Endpoint.js"
import { refusedResponse } from "../Refused.js"
import type { ServerParts } from "../ServerParts.js"
import { makeDashboardFiles, notFound } from "./DashboardFiles.js"
import { makeStaticPage, type StaticPage } from "./StaticPage.js"

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

// Browsers ask for it wherever a page names no icon, as that of the API.
const icon = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>" +
  "<rect width='16' height='16' rx='3' fill='#0072b2'/>" +
  "<path d='M2 11l3-5 3 4 2-6 4 7' fill='none' stroke='#fff' stroke-width='1.6' stroke-linejoin='round' stroke-linecap='round'/>" +
  "</svg>"

const encoder = new TextEncoder()

const textPage = (text: string, contentType: string, headers: { readonly [name: string]: string }) =>
  makeStaticPage(encoder.encode(text), contentType, headers)

const html = "text/html; charset=utf-8"

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
    const app = yield* HttpRouter.toHttpApp(yield* Context.get(context, HttpApiBuilder.Router).router)
    const { body } = yield* app
    return body._tag === "Uint8Array"
      ? yield* makeStaticPage(body.body, html, docsHeaders)
      : yield* Effect.dieMessage("the page of the API came in another form than as one text")
  })

/** The dashboard or the page in its place, `/docs`, `/openapi.json`, and a word to those who ask for the socket by HTTP. */
export const pages = (parts: ServerParts) =>
  HttpApiBuilder.Router.use((router) =>
    Effect.gen(function*() {
      const service = yield* HttpApi.Api
      const get = <E>(
        path: `/${string}`,
        page: Effect.Effect<StaticPage, E, HttpServerRequest.HttpServerRequest | HttpRouter.HttpRouter.DefaultServices>
      ) =>
        Effect.flatMap(onceForAll(page), (cached) =>
          router.get(
            path,
            Effect.flatMap(
              HttpServerRequest.HttpServerRequest,
              (request) => Effect.flatMap(cached, ({ answer }) => answer(request))
            )
          ))
      yield* get("/docs", makeDocs(service, parts.version))
      yield* get(
        "/openapi.json",
        Effect.suspend(() =>
          textPage(
            JSON.stringify(OpenApi.fromApi(Api.annotate(OpenApi.Version, parts.version))),
            "application/json",
            always
          )
        )
      )
      yield* get("/favicon.ico", textPage(icon, "image/svg+xml", always))
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
        yield* get("/", textPage(fallbackPage, html, dashboardHeaders))
      } else yield* router.get("/*", makeDashboardFiles(folder, dashboardHeaders, parts))
    })
  )
