import { describe, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck as fc } from "effect"
import * as assert from "node:assert/strict"
import { CsvRecords } from "../../../src/cli/transfer/CsvRecords.js"
import { CSV_COLUMNS, csvHeader, csvSeries, readCsvHeader, readCsvRow } from "../../../src/cli/transfer/MetricsCsv.js"
import { readTextCell, textCell } from "../../../src/domain/CsvCell.js"
import { GenericMetric, Metadata, metricProblem, toWire } from "../../../src/domain/GenericMetric.js"
import { identity } from "../../../src/domain/Identity.js"
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from "../../../src/domain/Timestamp.js"

const nasty = fc.array(
  fc.constantFrom("=", "+", "-", "@", "'", "\t", "\r", "\n", "\"", ",", "\u001b", "\u009b", "＝", "a", "é", "🂡"),
  { minLength: 1, maxLength: 8 }
).map((parts) => parts.join(""))

const name = fc.oneof(nasty, fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }))

const metrics = fc.record({
  origin: name,
  metricType: name,
  value: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value === 0 ? 0 : value),
  timestamp: fc.integer({ min: MIN_TIMESTAMP, max: MAX_TIMESTAMP }),
  metadata: Arbitrary.make(Metadata)
}).map((fields) => new GenericMetric(fields, true)).filter((metric) => metricProblem(metric) === undefined)

const rowsOf = (text: string): ReadonlyArray<ReadonlyArray<string>> => {
  const records = new CsvRecords()
  return [...records.push(new TextEncoder().encode(text)), ...records.end()].map(({ cells }) => cells ?? [])
}

const lineOf = (metric: GenericMetric): string => {
  const { fields, tags } = identity(metric)
  return csvSeries(metric.origin, metric.metricType, tags).line(metric.timestamp ?? 0, metric.value, fields)
}

const readBack = (text: string): ReadonlyArray<Either.Either<GenericMetric, string>> => {
  const [header, ...rows] = rowsOf(text)
  const places = Either.getOrThrow(readCsvHeader(header))
  return rows.map((cells) => readCsvRow(places, cells))
}

const problemOf = (header: string, row: string): string => {
  const [read] = readBack(`${header}\n${row}\n`)
  return Either.isLeft(read) ? read.left : `taken: ${JSON.stringify(read.right)}`
}

describe("metrics as CSV", () => {
  it("come back exactly: names, values, times, tags and fields", () => {
    fc.assert(
      fc.property(fc.array(metrics, { minLength: 1, maxLength: 5 }), (written) => {
        const read = readBack(csvHeader + written.map(lineOf).join(""))
        assert.deepEqual(read.map((one) => toWire(Either.getOrThrow(one))), written.map(toWire))
      }),
      { numRuns: 300 }
    )
  })

  it("no origin and no metric type begins like a formula of a spreadsheet", () => {
    fc.assert(fc.property(metrics, (metric) => {
      const [[, origin, metricType]] = rowsOf(lineOf(metric))
      for (const cell of [origin, metricType]) assert.doesNotMatch(cell, /^[=+\-@\t\r\n＝＋－＠]/)
    }))
    assert.equal(textCell("=1+2"), "'=1+2")
    assert.equal(textCell("cpu"), "cpu")
  })

  it("an apostrophe of another program stays where it means nothing", () => {
    assert.equal(readTextCell("'s-Hertogenbosch"), "'s-Hertogenbosch")
    assert.equal(readTextCell("'=1+2"), "=1+2")
    fc.assert(fc.property(name, (text) => {
      const [[cell]] = rowsOf(`${textCell(text)},x`)
      assert.equal(readTextCell(cell), text)
    }))
  })

  it("columns may stand in any order; time is a timestamp, metadata stands for tags and fields", () => {
    const [read] = readBack(
      "value,metadata,TIME,metric_type,origin\n1.5,\"{\"\"a\"\":\"\"b\"\",\"\"n\"\":1}\",1769860800000,m,o\n"
    )
    assert.deepEqual(toWire(Either.getOrThrow(read)), {
      origin: "o",
      metric_type: "m",
      value: 1.5,
      timestamp: "2026-01-31T12:00:00.000Z",
      metadata: { a: "b", n: 1 }
    })
  })

  it("a first line that does not say what the columns are is refused", () => {
    const problem = (cells: ReadonlyArray<string>): string => Either.getOrThrow(Either.flip(readCsvHeader(cells)))
    assert.match(problem([...CSV_COLUMNS, "colour"]), /"colour" is not known.*timestamp, origin/)
    assert.match(problem(["timestamp", "origin", "value"]), /metric_type is missing/)
    assert.match(problem(["timestamp", "time", "origin", "metric_type", "value"]), /timestamp stands there twice/)
  })

  it("a row that is no metric says why", () => {
    const header = CSV_COLUMNS.join(",")
    assert.match(problemOf(header, "2026-01-31T12:00:00Z,o,m"), /3 cells, and the first line has 6/)
    assert.match(problemOf(header, "2026-01-31T12:00:00Z,o,m,,,"), /value: expected a finite number/)
    assert.match(problemOf(header, "2026-01-31T12:00:00Z,o,m,0x10,,"), /value: expected a finite number/)
    assert.match(problemOf(header, "2026-01-31T12:00:00Z,o,m,1e999,,"), /value: expected a finite number/)
    assert.match(problemOf(header, "yesterday,o,m,1,,"), /timestamp: expected ISO 8601/)
    assert.match(problemOf(header, "0,,m,1,,"), /origin: expected a non-empty string/)
    assert.match(problemOf(header, "0,o,m,1,host=a,"), /tags: no JSON/)
    assert.match(problemOf(header, "0,o,m,1,[1],"), /tags: expected a JSON object/)
    assert.match(problemOf(header, "0,o,m,1,\"{\"\"a\"\":1}\","), /tags: expected an object of strings/)
    assert.match(problemOf(header, "0,o,m,1,\"{\"\"a\"\":\"\"x\"\"}\",\"{\"\"a\"\":1}\""), /a name stands in both/)
  })
})
