import { Either } from "effect"
import { quotedCell, readTextCell, textCell } from "../../domain/CsvCell.js"
import { decodeMetric } from "../../domain/decodeMetric.js"
import type { GenericMetric } from "../../domain/GenericMetric.js"
import { metadataOf, type Tags } from "../../domain/Identity.js"
import type { JsonObject } from "../../domain/Json.js"
import { formatIso } from "../../domain/Timestamp.js"

/** Columns of metrics as CSV: `tags` and `fields` are JSON objects, empty where there are none. */
export const CSV_COLUMNS = ["timestamp", "origin", "metric_type", "value", "tags", "fields"] as const

/** The first line of metrics as CSV. */
export const csvHeader = `${CSV_COLUMNS.join(",")}\n`

/** Whatever stays the same in the rows of one series. */
export const csvSeries = (origin: string, metricType: string, tags: Tags) => {
  const named = `${textCell(origin)},${textCell(metricType)},`
  const tagged = `,${Object.keys(tags).length === 0 ? "" : quotedCell(JSON.stringify(tags))},`
  return {
    /** Writes a point as a line; `time` is ms since the epoch. */
    line: (time: number, value: number, fields: JsonObject | undefined): string =>
      `${formatIso(time)},${named}${value === 0 ? 0 : value}${tagged}${
        fields === undefined ? "" : quotedCell(JSON.stringify(fields))
      }\n`
  }
}

const required = ["timestamp", "origin", "metric_type", "value"]
const known: ReadonlySet<string> = new Set([...CSV_COLUMNS, "metadata"])

/** Where the columns of a file stand. */
export interface CsvPlaces {
  readonly width: number
  readonly at: ReadonlyMap<string, number>
}

/** Reads the first line of a file: the columns may stand in any order. `time` is another name of `timestamp`. */
export const readCsvHeader = (cells: ReadonlyArray<string>): Either.Either<CsvPlaces, string> => {
  const at = new Map<string, number>()
  for (let i = 0; i < cells.length; i++) {
    const written = cells[i].trim().toLowerCase()
    const name = written === "time" ? "timestamp" : written
    if (!known.has(name)) {
      return Either.left(
        `the column ${JSON.stringify(cells[i].slice(0, 80))} is not known; the first line names ` +
          `${CSV_COLUMNS.join(", ")} (or metadata for the last two)`
      )
    }
    if (at.has(name)) return Either.left(`the column ${name} stands there twice`)
    at.set(name, i)
  }
  const missing = required.filter((name) => !at.has(name))
  return missing.length > 0
    ? Either.left(`the column ${missing.join(", ")} is missing; the first line names ${CSV_COLUMNS.join(", ")}`)
    : Either.right({ width: cells.length, at })
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const readObject = (name: string, cell: string): Either.Either<JsonObject, string> => {
  if (cell.trim() === "") return Either.right({})
  try {
    const value: unknown = JSON.parse(cell)
    return isObject(value) ? Either.right(value) : Either.left(`${name}: expected a JSON object`)
  } catch {
    return Either.left(`${name}: no JSON`)
  }
}

const isTags = (value: JsonObject): value is Tags => Object.values(value).every((tag) => typeof tag === "string")

const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const integer = /^-?\d+$/

/** Reads a row as a metric, or says what is wrong with it. */
export const readCsvRow = (
  { at, width }: CsvPlaces,
  cells: ReadonlyArray<string>
): Either.Either<GenericMetric, string> =>
  Either.gen(function*() {
    if (cells.length !== width) {
      return yield* Either.left(`${cells.length} cells, and the first line has ${width}`)
    }
    const cell = (name: string): string => {
      const place = at.get(name)
      return place === undefined ? "" : cells[place]
    }
    const timestamp = cell("timestamp").trim()
    const value = cell("value").trim()
    const tags = yield* readObject("tags", cell("tags"))
    const fields = yield* readObject("fields", cell("fields"))
    const metadata = yield* readObject("metadata", cell("metadata"))
    if (!isTags(tags)) return yield* Either.left("tags: expected an object of strings")
    const own = metadataOf(tags, fields)
    const both = { ...own, ...metadata }
    const names = [tags, fields, metadata].reduce((sum, part) => sum + Object.keys(part).length, 0)
    if (Object.keys(both).length !== names) {
      return yield* Either.left("tags and fields: a name stands in both, and a metric has one value of a name")
    }
    return yield* decodeMetric({
      origin: readTextCell(cell("origin")),
      metric_type: readTextCell(cell("metric_type")),
      value: number.test(value) ? Number(value) : undefined,
      timestamp: timestamp === "" ? undefined : integer.test(timestamp) ? Number(timestamp) : timestamp,
      metadata: both
    })
  })
