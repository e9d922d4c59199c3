import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeSeries } from "../../../src/domain/Series.js"
import { acceptedFormat, Exposition, expositionName } from "../../../src/server/operating/Exposition.js"
import { LATEST_AGE, prometheusText } from "../../../src/server/operating/PrometheusText.js"
import { ServerCounters } from "../../../src/server/ServerCounters.js"
import type { LatestPoint } from "../../../src/store/MetricStore.js"
import { memoryStore, post, request, startServer } from "../TestServer.js"

const now = 1_800_000_000_000

const point = (
  metricType: string,
  value: number,
  options: { readonly tags?: { readonly [key: string]: string }; readonly kind?: string; readonly age?: number } = {}
): LatestPoint => ({
  series: makeSeries("app", metricType, options.tags ?? {}, { kind: options.kind }),
  time: now - (options.age ?? 0),
  value,
  fields: undefined
})

const linesOf = (
  latest: ReadonlyArray<LatestPoint>,
  format: "prometheus" | "openmetrics" = "prometheus",
  limit = 100
) =>
  Effect.map(
    prometheusText(
      format,
      {
        version: "1",
        startedAt: now - 1_000,
        uptimeSeconds: 1,
        process: { residentBytes: 1, cpuSeconds: 1 },
        counters: new ServerCounters(),
        inFlightBytes: 0,
        store: { series: 0, points: 0, bytes: 0, usedBytes: 0, batches: 0 }
      },
      latest,
      now,
      limit
    ),
    (pieces) => Buffer.concat(pieces).toString("utf8").split("\n")
  )

describe("the newest values for Prometheus", () => {
  it.live("are named by their metric type, with origin and tags as labels and their own time", () =>
    Effect.gen(function*() {
      const lines = yield* linesOf([point("cpu_percent", 12.5, { tags: { host: "web \"1\"\\\n", core: "0" } })])
      expect(lines).toContain("# TYPE cpu_percent untyped")
      expect(lines).toContain(`cpu_percent{origin="app",core="0",host="web \\"1\\"\\\\\\n"} 12.5 ${now}`)
    }))

  it.live("keep the kind that a sender told", () =>
    Effect.gen(function*() {
      const latest = [point("requests_total", 7, { kind: "counter" }), point("load", 1, { kind: "gauge" })]
      expect(yield* linesOf(latest)).toEqual(
        expect.arrayContaining(["# TYPE requests_total counter", "# TYPE load gauge"])
      )
      const openMetrics = yield* linesOf(latest, "openmetrics")
      expect(openMetrics).toEqual(expect.arrayContaining([
        "# TYPE requests counter",
        `requests_total{origin="app"} 7 ${now / 1000}`
      ]))
      expect(openMetrics.slice(-2)).toEqual(["# EOF", ""])
    }))

  it.live("never make one series of two: names that had to be changed keep the original as a label", () =>
    Effect.gen(function*() {
      const lines = yield* linesOf([
        point("a.b", 1),
        point("a b", 2),
        point("a_b", 3, { tags: { "x-y": "1", "x.y": "2" } })
      ])
      expect(lines.filter((line) => line.startsWith("a_b{"))).toEqual([
        `a_b{origin="app",metric_type="a.b"} 1 ${now}`,
        `a_b{origin="app",metric_type="a b"} 2 ${now}`,
        `a_b{origin="app",x_y="1",x_y_="2"} 3 ${now}`
      ])
    }))

  it.live("do not mix with the server's own families, nor types within one", () =>
    Effect.gen(function*() {
      const lines = yield* linesOf([
        point("process_resident_memory_bytes", 5),
        point("q", 1, { kind: "gauge" }),
        point("q", 2, { tags: { a: "b" } })
      ])
      expect(lines).toContain(`process_resident_memory_bytes_{origin="app"} 5 ${now}`)
      expect(lines.filter((line) => line.startsWith("# TYPE q"))).toEqual(["# TYPE q gauge", "# TYPE q_ untyped"])
    }))

  it.live("leave out what is old, and say when they were cut", () =>
    Effect.gen(function*() {
      const old = point("old", 1, { age: LATEST_AGE })
      expect((yield* linesOf([old])).filter((line) => line.startsWith("old"))).toEqual([])
      const lines = yield* linesOf([point("a", 1), point("b", 1), point("c", 1)], "prometheus", 2)
      expect(lines).toContain("# 1 series were left out: ask for more with limit=")
    }))

  it("write names that Prometheus takes", () => {
    expect(expositionName("9 lives.é")).toBe("_9_lives__")
  })

  it("know what an Accept header asks for", () => {
    expect(acceptedFormat("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")).toBe("openmetrics")
    expect(acceptedFormat("*/*")).toBe("prometheus")
    expect(acceptedFormat(undefined)).toBe("prometheus")
  })

  it("write a counter under the name that its format wants", () => {
    const written = (format: "prometheus" | "openmetrics") => {
      const out = new Exposition(format)
      out.family("hits", "counter", "Hits.", [{ value: 3 }])
      out.end()
      return out.take()
    }
    expect(written("prometheus")).toBe("# HELP hits_total Hits.\n# TYPE hits_total counter\nhits_total 3\n")
    expect(written("openmetrics")).toBe("# HELP hits Hits.\n# TYPE hits counter\nhits_total 3\n# EOF\n")
  })

  it.scopedLive("are served, filtered as asked, in the format that is asked for", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      yield* post(server, [
        { origin: "kitchen", metric_type: "temperature_celsius", value: 21.5, metadata: { sensor: "window" } },
        { origin: "cellar", metric_type: "temperature_celsius", value: 12 }
      ])
      const { headers, text } = yield* request(server, "/metrics?origin=kitchen", {
        headers: { accept: "application/openmetrics-text" }
      })
      expect(headers["content-type"]).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8")
      expect(text).toMatch(/^temperature_celsius\{origin="kitchen",sensor="window"\} 21\.5 \d+(\.\d+)?$/m)
      expect(text).not.toContain("cellar")
      expect((yield* request(server, "/metrics?limit=0")).status).toBe(400)
      expect((yield* request(server, "/metrics?nonsense=1")).status).toBe(400)
    }).pipe(Effect.provide(memoryStore)))
})
