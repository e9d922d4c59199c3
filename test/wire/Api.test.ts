import { OpenApi } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Either, Schema } from "effect"
import { Api, QueryResult } from "../../src/wire/Api.js"

describe("Api", () => {
  it("is an OpenAPI document with every path of the contract", () => {
    const spec = OpenApi.fromApi(Api)
    expect(Object.entries(spec.paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method} ${path}`)))
      .toEqual([
        "post /api/metrics",
        "get /api/series",
        "get /api/query",
        "get /api/latest",
        "get /api/live",
        "get /api/status",
        "get /api/losses",
        "get /metrics",
        "get /healthz",
        "get /readyz",
        "post /api/session",
        "delete /api/session"
      ])
    expect(spec.paths["/api/query"]?.get?.parameters.map(({ name }) => name)).toEqual([
      "metric_type",
      "origin",
      "from",
      "to",
      "step",
      "aggregate",
      "by",
      "fields",
      "limit",
      "cursor",
      "tag.<key>",
      "tag-any.<key>",
      "tag-not.<key>",
      "tag-match.<key>",
      "tag-not-match.<key>"
    ])
    expect(Object.keys(spec.paths["/api/metrics"]?.post?.requestBody?.content ?? {})).toEqual([
      "application/json",
      "application/vnd.metrics.batch.v1+json"
    ])
  })

  it("reads the answer to a query, and no other", () => {
    const decode = Schema.decodeUnknownEither(QueryResult)
    const series = { origin: "o", metric_type: "m", tags: { host: "a" } }
    const points = [[1, 2], [2, null], [3, 4, { ply: 1 }]]
    expect(Either.isRight(decode({ series: [{ ...series, points }], truncated: true, cursor: "c" }))).toBe(true)
    for (const bad of [[[1]], [["1", 2]], [[1, 2, 3]], [[1, 2, {}, 4]], [7]]) {
      expect(Either.isRight(decode({ series: [{ ...series, points: bad }], truncated: false }))).toBe(false)
    }
  })
})
