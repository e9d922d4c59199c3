import { FastCheck } from "effect"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { renderCsv, renderTable } from "../../../src/cli/terminal/Table.js"
import { printableLine } from "../../../src/domain/Printable.js"

describe("renderTable", () => {
  it("makes each column as wide as its widest cell", () => {
    const table = renderTable([{ heading: "NAME" }, { heading: "VALUE", right: true }], [["cpu", "1.5"], [
      "memory",
      "10"
    ]])
    assert.equal(table, ["NAME    VALUE", "cpu       1.5", "memory     10"].join("\n"))
  })

  it("counts wide letters as what they take on a terminal", () => {
    const table = renderTable([{ heading: "NAME" }, { heading: "VALUE", right: true }, { heading: "TAGS" }], [
      ["cpu_percent", "1", "a"],
      ["温度", "二", "b"]
    ])
    assert.equal(table, ["NAME         VALUE  TAGS", "cpu_percent      1  a", "温度            二  b"].join("\n"))
  })

  it("leaves an optional column out when it would be empty", () => {
    const columns = [{ heading: "A" }, { heading: "B", optional: true }, { heading: "C", optional: true }]
    assert.equal(renderTable(columns, [["1", "", ""], ["2", "", "x"]]), ["A  C", "1", "2  x"].join("\n"))
  })

  it("keeps terminal control sequences out", () => {
    assert.doesNotMatch(renderTable([{ heading: "A" }], [["\u001b[2Jgone\r"]]), /[\u001b\r]/)
    assert.equal(renderTable([{ heading: "A" }], [["one\ntwo"]]), "A\none\\ntwo")
  })
})

describe("renderTable where there is less room", () => {
  const columns = [
    { heading: "STREAM" },
    { heading: "NEXT", right: true },
    { heading: "NOTE", optional: true },
    { heading: "OLDEST" }
  ]
  const id = "0123456789abcdef0123456789abcdef"
  const rows = [[id, "41000", "", "3 min"], ["b", "7", "of a note", ""]]

  it("is a table as long as that fits", () => {
    const table = renderTable(columns, rows)
    const widest = Math.max(...table.split("\n").map((line) => line.length))
    assert.equal(renderTable(columns, rows, widest), table)
    assert.notEqual(renderTable(columns, rows, widest - 1), table)
  })

  it("has its first column above the others where that is what fits", () => {
    assert.equal(
      renderTable(columns, rows, 40),
      ["STREAM", "   NEXT  NOTE       OLDEST", id, "  41000             3 min", "b", "      7  of a note"].join("\n")
    )
  })

  const reason = "expected a finite number"
  const long = [...columns, { heading: "REASON" }]
  const longRows = rows.map((row) => [...row, reason])
  const second = ["STREAM  b", "NEXT    7", "NOTE    of a note", `REASON  ${reason}`]

  it("is otherwise the fields of each row, without those that are empty", () => {
    assert.equal(
      renderTable(long, longRows, 45),
      [`STREAM  ${id}`, "NEXT    41000", "OLDEST  3 min", `REASON  ${reason}`, "", ...second].join("\n")
    )
  })

  it("never breaks a cell: one without room beside its heading stands below it", () => {
    assert.equal(
      renderTable(long, longRows, 39),
      ["STREAM", `  ${id}`, "NEXT    41000", "OLDEST  3 min", `REASON  ${reason}`, "", ...second].join("\n")
    )
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(FastCheck.tuple(FastCheck.string(), FastCheck.string(), FastCheck.string()), { minLength: 1 }),
        FastCheck.integer({ min: 1, max: 80 }),
        (rows, width) => {
          const text = renderTable([{ heading: "A" }, { heading: "LONGER" }, { heading: "B" }], rows, width)
          for (const cell of rows.flat()) assert.ok(text.includes(printableLine(cell).trimEnd()))
        }
      )
    )
  })
})

describe("renderCsv", () => {
  it("writes numbers as they are, and nothing that a spreadsheet would run", () => {
    assert.equal(
      renderCsv(["value", "tags"], [["-5", "=1+1"], ["+1.5e-7", "@SUM(A1)"], ["-1+cmd|' /C calc'!A0", "\t=1"]]),
      "value,tags\n-5,'=1+1\n+1.5e-7,'@SUM(A1)\n'-1+cmd|' /C calc'!A0,'\t=1"
    )
  })

  it("quotes what RFC 4180 asks to quote", () => {
    assert.equal(
      renderCsv(["a", "b"], [["x,y", "say \"hi\""], ["plain", "two\nlines"]]),
      "a,b\n\"x,y\",\"say \"\"hi\"\"\"\nplain,\"two\nlines\""
    )
  })
})
