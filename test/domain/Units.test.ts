import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { passes, seriesKey, tagText } from "../../src/dashboard/Points.js"
import { formatValue } from "../../src/domain/Units.js"

describe("formatValue", () => {
  it.each([
    ["cpu_percent", 12.34, "12.3 %"],
    ["memory_used_bytes", 1_610_612_736, "1.5 GiB"],
    ["network_receive_bytes_per_second", 317_440, "310 KiB/s"],
    ["temperature_celsius", 41, "41 °C"],
    ["clock_seconds", 0.25, "250 ms"],
    ["uptime_seconds", 400_000, "4 d 15 h"],
    ["uptime_seconds", 7_260, "2 h 1 min"],
    ["clock_seconds", 170, "2 min 50 s"],
    ["tick_seconds", 0.000_25, "250 µs"],
    ["load_1m", 0.5, "0.5"],
    ["events", 1_234_567, "1.23 M"],
    ["material_balance", -3, "-3"],
    ["tiny", 0.000_02, "2.0e-5"],
    ["nothing", 0, "0"]
  ])("%s %d is %s", (metricType, value, text) => {
    assert.equal(formatValue(metricType, value), text)
  })
})

describe("points", () => {
  const point = { origin: "system", metric_type: "cpu_percent", tags: { host: "web-1", core: "3" } }

  it("are of one series whatever the order of their tags", () => {
    assert.equal(seriesKey(point), seriesKey({ ...point, tags: { core: "3", host: "web-1" } }))
    assert.notEqual(seriesKey(point), seriesKey({ ...point, tags: { host: "web-1" } }))
  })

  it("pass a filter when every word occurs", () => {
    assert.ok(passes("", point))
    assert.ok(passes("CPU host=web", point))
    assert.ok(!passes("cpu web-2", point))
  })

  it("show their tags, less those that are shared", () => {
    assert.equal(tagText(point.tags, new Set(["host"])), "core=3")
  })
})
