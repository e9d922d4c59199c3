import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import { parseFilter, parseLosses, parseQuery } from "../../../src/server/reading/QueryParameters.js"

const query = (text: string) => Either.getOrThrow(parseQuery(new URLSearchParams(text)))
const refusal = (text: string) => Either.getOrThrow(Either.flip(parseQuery(new URLSearchParams(text))))

describe("QueryParameters", () => {
  it("reads a query", () => {
    expect(query(
      "metric_type=cpu&origin=system&from=2026-01-01T00:00:00Z&to=1767229200000&step=1m&aggregate=max&by=host,core&by=x" +
        "&tag.host=web-1&tag.a.b=c&limit=10&cursor=z"
    )).toEqual({
      query: {
        metricType: "cpu",
        origin: "system",
        tags: { host: "web-1", "a.b": "c" },
        from: Date.UTC(2026, 0, 1),
        to: 1767229200000,
        limit: 10,
        cursor: "z",
        buckets: { step: 60_000, aggregate: "max", by: ["host", "core", "x"] }
      },
      fields: false
    })
  })

  it("fills in what is absent", () => {
    const { fields, query: asked } = query("metric_type=cpu")
    expect(fields).toBe(false)
    expect(asked).toMatchObject({ limit: 100_000, buckets: undefined, tags: undefined, origin: undefined })
    expect(asked.from).toBeLessThan(-6e13)
    expect(asked.to).toBeGreaterThan(2.5e14)
    expect(query("metric_type=cpu&step=90").query.buckets).toEqual({ step: 90, aggregate: "avg", by: undefined })
    expect(query("metric_type=cpu&step=1h&by=").query.buckets?.by).toEqual([])
    expect(query("metric_type=cpu&fields=true").fields).toBe(true)
  })

  it("reads an offset whose + was not escaped", () => {
    expect(query("metric_type=m&from=2026-01-01T02:00:00+02:00").query.from).toBe(Date.UTC(2026, 0, 1))
  })

  it.each([
    ["metric_type=", "metric_type"],
    ["metric_type=m&agregate=avg&step=1m", "agregate"],
    ["metric_type=m&step=0", "step"],
    ["metric_type=m&step=-1m", "step"],
    ["metric_type=m&step=1y", "step"],
    ["metric_type=m&step=1m&aggregate=median", "aggregate"],
    ["metric_type=m&aggregate=avg", "needs step"],
    ["metric_type=m&by=host", "needs step"],
    ["metric_type=m&fields=yes", "fields"],
    ["metric_type=m&fields=true&step=1m", "fields"],
    ["metric_type=m&from=2&to=1", "from"],
    ["metric_type=m&to=99999999999999999", "to"],
    ["metric_type=m&limit=0", "limit"],
    ["metric_type=m&limit=1e3", "limit"],
    ["metric_type=m&tag.=x", "unknown"],
    ["metric_type=m&tag.a=x&tag.a=y", "tag-any"],
    ["metric_type=m&tag-none.a=x", "unknown"]
  ])("refuses %s and names it", (text, name) => {
    expect(refusal(text)).toContain(name)
  })

  it("reads conditions on tags beside equality", () => {
    const { query: asked } = query(
      "metric_type=m&tag-any.host=a&tag-any.host=b,c&tag-not.zone=x&tag-match.host=web-.*&tag-match.host=.*1" +
        "&tag-not-match.a.b=%5Bxy%5D&tag.env=a%7Cb&step=1m&aggregate=p95"
    )
    expect(asked.tags).toEqual({ env: "a|b" })
    expect(asked.where).toEqual([
      { _tag: "AnyOf", key: "host", values: ["a", "b,c"] },
      { _tag: "NoneOf", key: "zone", values: ["x"] },
      { _tag: "Matches", key: "host", pattern: "web-.*" },
      { _tag: "Matches", key: "host", pattern: ".*1" },
      { _tag: "MatchesNot", key: "a.b", pattern: "[xy]" }
    ])
    expect(asked.buckets?.aggregate).toBe("p95")
  })

  it("takes a tag by the name of a property of every object for what it is", () => {
    const filter = Either.getOrThrow(parseFilter(new URLSearchParams("tag.constructor=x&tag.__proto__=y")))
    expect(Object.entries(filter.tags ?? {})).toEqual([["constructor", "x"], ["__proto__", "y"]])
    expect(Either.getOrThrow(parseLosses(new URLSearchParams("limit=7&sender=a")))).toEqual({ limit: 7, sender: "a" })
  })
})
