import { Either } from "effect"
import type { GenericMetric } from "../../domain/GenericMetric.js"
import { decodeMetricOrPoint } from "../../domain/TimeseriesPoint.js"
import { NdjsonLines } from "../../generators/NdjsonLines.js"
import { CsvRecords } from "./CsvRecords.js"
import { type CsvPlaces, readCsvHeader, readCsvRow } from "./MetricsCsv.js"

/** Form of a file of metrics. */
export type MetricsFormat = "ndjson" | "csv"

/** A line that holds no metric. Its text is absent where it cannot be read. */
export interface BadRecord {
  readonly line: number
  readonly problem: string
  readonly text?: string
  readonly metric?: undefined
}

/** A metric of a file and its line, or why the line holds none. */
export type ImportRecord =
  | { readonly line: number; readonly metric: GenericMetric; readonly problem?: undefined }
  | BadRecord

/** Cuts the bytes of a file into metrics, one instance a file. */
export interface ImportReader {
  readonly push: (bytes: Uint8Array) => ReadonlyArray<ImportRecord>
  readonly end: () => ReadonlyArray<ImportRecord>
  /** Why nothing of the file can be read: the first line of a CSV file does not say what its columns are. */
  readonly unusable: () => string | undefined
  /** The line of names of a CSV file, once it was read. */
  readonly header: () => string | undefined
}

// Without a time of its own a metric would be another one when the import is repeated.
const record = (line: number, text: string, read: Either.Either<GenericMetric, string>): ImportRecord =>
  Either.isLeft(read)
    ? { line, problem: read.left, text }
    : read.right.timestamp === undefined
    ? { line, problem: "timestamp: is missing; a metric of a file needs its own", text }
    : { line, metric: read.right }

const parse = (text: string): Either.Either<unknown, string> =>
  Either.try({ try: () => JSON.parse(text) as unknown, catch: () => "no JSON" })

const ndjsonReader = (): ImportReader => {
  const lines = new NdjsonLines()
  const read = (line: ReturnType<typeof lines.end>): ReadonlyArray<ImportRecord> =>
    line === undefined
      ? []
      : line.problem !== undefined
      ? [{ line: line.number, problem: line.problem }]
      : [record(line.number, line.text, Either.flatMap(parse(line.text), decodeMetricOrPoint))]
  return {
    push: (bytes) => lines.push(bytes).flatMap(read),
    end: () => read(lines.end()),
    unusable: () => undefined,
    header: () => undefined
  }
}

const csvReader = (): ImportReader => {
  const records = new CsvRecords()
  let places: CsvPlaces | undefined
  let unusable: string | undefined
  let header: string | undefined
  const read = (found: ReturnType<typeof records.end>): ReadonlyArray<ImportRecord> => {
    const taken: Array<ImportRecord> = []
    for (const own of found) {
      if (unusable !== undefined) break
      if (places !== undefined) {
        taken.push(own.problem === undefined ? record(own.line, own.text, readCsvRow(places, own.cells)) : own)
        continue
      }
      const columns = own.problem === undefined ? readCsvHeader(own.cells) : Either.left(own.problem)
      if (Either.isRight(columns)) {
        places = columns.right
        header = own.text
      } else unusable = `line ${own.line}: ${columns.left}`
    }
    return taken
  }
  return {
    push: (bytes) => read(records.push(bytes)),
    end: () => read(records.end()),
    unusable: () => unusable,
    header: () => header
  }
}

/** A reader of a file of the given form. */
export const importReader = (format: MetricsFormat): ImportReader => format === "csv" ? csvReader() : ndjsonReader()
