import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { type ChartLine, renderChart } from "../../../src/cli/terminal/Chart.js"

const start = Date.UTC(2025, 10, 24)

const line = (name: string, count: number, step: number, value: (i: number) => number): ChartLine => ({
  name,
  points: Array.from({ length: count }, (_, i) => [start + i * step, value(i)] as const)
})

const plain = (text: string): string => text.replace(/\u001b\[\d+m/g, "")

describe("renderChart", () => {
  it("fits into the width and labels its axes with round numbers and UTC times", () => {
    for (const width of [40, 60, 200]) {
      const chart = renderChart([line("cpu", 120, 60_000, (i) => 20 + 10 * Math.sin(i / 8))], {
        unit: "percent",
        width,
        colour: false
      })
      for (const row of chart.split("\n")) assert.ok(row.length <= width, `${row.length} columns: ${row}`)
      assert.match(chart, /^30 %┤/m)
      assert.match(chart, /^10 %┤/m)
      assert.match(chart, /00:00/)
    }
  })

  it("shows the lowest and the highest value of many", () => {
    const values = line("cpu", 50_000, 1_000, (i) => i === 25_000 ? 100 : i === 30_000 ? -100 : 0)
    const rows = renderChart([values], { unit: "number", width: 80, colour: false }).split("\n")
    const marked = (label: string) =>
      rows.some((row) => row.trimStart().startsWith(`${label}┤`) && /[┏┓┗┛━┃]/.test(row))
    assert.ok(marked("100"))
    assert.ok(marked("-100"))
  })

  it("tells values apart that hardly differ, and draws one point", () => {
    const flat = renderChart([line("total", 60, 1_000, () => 5e9)], { unit: "bytes", width: 80, colour: false })
    const labels = flat.split("\n").flatMap((row) => /^ *(\S.*)┤/.exec(row)?.[1] ?? [])
    assert.ok(labels.length >= 2)
    assert.equal(new Set(labels).size, labels.length)
    assert.match(renderChart([line("one", 1, 1, () => 0)], { unit: "number", width: 60, colour: false }), /━/)
  })

  it("does not go below 0 for values that do not, and shows signs where they do", () => {
    const rows = (value: (i: number) => number) =>
      renderChart([line("x", 60, 1_000, value)], { unit: "bytes per second", width: 80, colour: false })
    assert.doesNotMatch(rows(() => 0), /-/)
    assert.match(rows((i) => i % 2 - 0.5), /^-0\.5 B\/s┤/m)
  })

  it("draws lines in colours together, and without colours each for itself", () => {
    const lines = [line("host=a", 10, 60_000, (i) => i), line("host=b", 10, 60_000, (i) => 10 - i)]
    const together = renderChart(lines, { unit: "number", width: 60, colour: true })
    assert.equal(together.match(/▲/g)?.length, 1)
    assert.notEqual(plain(together), together)
    const apart = renderChart(lines, { unit: "number", width: 60, colour: false })
    assert.equal(apart.match(/▲/g)?.length, 2)
    assert.equal(plain(apart), apart)
    for (const text of [together, apart]) for (const { name } of lines) assert.ok(text.includes(name))
  })

  it("keeps terminal control sequences of names out", () => {
    const chart = renderChart([line("\u001b[2Jgone\r", 2, 1, (i) => i)], { unit: "number", width: 60, colour: false })
    assert.doesNotMatch(chart, /[\u001b\r]/)
  })
})
