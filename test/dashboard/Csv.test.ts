import { describe, expect, it } from "@effect/vitest"
import { csvOf } from "../../src/dashboard/Csv.js"

describe("csvOf", () => {
  it("writes a row an instant and a column a line", () => {
    expect(csvOf([
      { key: "a", label: "host=\"a\", core=0", metricType: "cpu_percent", time: [0, 1000], value: [1.5, null] },
      { key: "b", label: "", metricType: "load_1m", time: [1000, 2000], value: [2, 3] }
    ])).toBe(
      "time,\"cpu_percent host=\"\"a\"\", core=0\",load_1m\n" +
        "1970-01-01T00:00:00.000Z,1.5,\n1970-01-01T00:00:01.000Z,,2\n1970-01-01T00:00:02.000Z,,3\n"
    )
  })

  it("heads no column with what a spreadsheet takes for a formula", () => {
    expect(csvOf([{ key: "a", label: "", metricType: "=HYPERLINK(\"x\")", time: [], value: [] }])).toBe(
      "time,\"'=HYPERLINK(\"\"x\"\")\"\n"
    )
  })
})
