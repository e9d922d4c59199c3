import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { passes, seriesKey, tagText } from "../../src/dashboard/Points.js"
import { formatAge, formatCompact, formatCount, formatSize, formatSpan, formatValue } from "../../src/domain/Units.js"

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

describe("counts", () => {
  it.each([
    [0, "0"],
    [7, "7"],
    [0.5, "0.5"],
    [999, "999"],
    [1_000, "1.00k"],
    [12_345, "12.3k"],
    [999_949, "1.00M"],
    [4_560_000, "4.56M"],
    [-4_560_000, "-4.56M"],
    [7e15, "7.00P"]
  ])("%d is %s where room is scarce", (count, text) => {
    assert.equal(formatCompact(count), text)
  })

  it("have their thousands apart where there is room", () => {
    assert.equal(formatCount(1_234_567), "1,234,567")
  })

  it("of bytes are in the units of sizes on the command line", () => {
    assert.deepEqual([0, 16_400, 1_073_741_824].map(formatSize), ["0B", "16.4kB", "1.07GB"])
  })
})

describe("spans of time", () => {
  it.each([
    [-5, "0 s"],
    [45_400, "45 s"],
    [725_000, "12 min 5 s"],
    [18_600_000, "5 h 10 min"],
    [2_599_200_000, "30 d 2 h"]
  ])("%d ms are %s", (millis, text) => {
    assert.equal(formatSpan(millis), text)
  })

  it("are told as ages, the youngest of them as now", () => {
    assert.deepEqual([-1_000, 1_999, 2_000, 200_000].map(formatAge), ["now", "now", "2 s ago", "3 min 20 s ago"])
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
