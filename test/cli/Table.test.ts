import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { renderCsv, renderTable } from "../../src/cli/Table.js"

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
