import { Either } from "effect"
import * as assert from "node:assert/strict"
import * as zlib from "node:zlib"
import { parseDuration, parseInstant, parseSize } from "../../src/cli/options/Values.js"
import { CsvRecords } from "../../src/cli/transfer/CsvRecords.js"
import { readCsvHeader, readCsvRow } from "../../src/cli/transfer/MetricsCsv.js"
import { parseFen } from "../../src/domain/Fen.js"
import { toWire } from "../../src/domain/GenericMetric.js"
import { decodeMetricOrPoint, toTimeseriesFormat } from "../../src/domain/TimeseriesPoint.js"
import { formatIso, isTimestamp, parseTimestamp } from "../../src/domain/Timestamp.js"
import { decodeFeedFrame } from "../../src/generators/lichess/FeedFrame.js"
import { decodeGameExport } from "../../src/generators/lichess/GameExport.js"
import { initialState, track, type TrackerState } from "../../src/generators/lichess/GameTracker.js"
import { NdjsonLines } from "../../src/generators/NdjsonLines.js"
import {
  parseFilter,
  parseLosses,
  parseQuery,
  parseScrape,
  parseStatus
} from "../../src/server/reading/QueryParameters.js"
import { decodeChunk, encodeChunk } from "../../src/store/chunk/Chunk.js"
import { DayRollup } from "../../src/store/chunk/DayRollup.js"
import { decodeFields, encodeFields } from "../../src/store/chunk/FieldsBlob.js"
import { decodeRollup, encodeRollup } from "../../src/store/chunk/RollupBlob.js"
import { decodeLogRow, encodeLogRow, logRowCrc } from "../../src/store/log/LogRow.js"
import { readCursor, writeCursor } from "../../src/store/query/Cursor.js"
import {
  applyDefinitions,
  decodeBatchFrame,
  definitionsIn,
  type Dictionary,
  encodeBatch,
  encodeColumns,
  encodeDefinition,
  type ReadBatch,
  readPoints
} from "../../src/wire/BatchCodec.js"
import { decodeClientValue, decodeServerFrame, encodeFrame, parseJson } from "../../src/wire/Frames.js"

/** Something that reads what comes from outside. */
export interface Decoder {
  readonly name: string
  /** Whether its input is JSON, so that it is changed value by value too. */
  readonly isJson: boolean
  /** Good input, from which bad input is made. */
  readonly samples: ReadonlyArray<Uint8Array>
  /** Makes a checksum fit again, so that more than the checksum is tried. */
  readonly mend?: (bytes: Buffer) => Buffer
  /**
   * Reads the input; answers whether it was taken. Throws when the reader does,
   * or when what was taken does not come back as it was.
   */
  readonly accepts: (bytes: Buffer) => boolean
}

const texts = (...all: ReadonlyArray<string>): ReadonlyArray<Uint8Array> => all.map((text) => Buffer.from(text))

/** JSON knows no −0. */
const assertAlike = (one: unknown, other: unknown): void =>
  assert.deepEqual(JSON.parse(JSON.stringify(one)), JSON.parse(JSON.stringify(other)))

const textOf = (bytes: Buffer): string => bytes.toString("utf8")

const define = [
  encodeDefinition(1, {
    key: "",
    origin: "app",
    metricType: "m",
    tags: { host: "a", zone: "é" },
    kind: "gauge",
    unit: "percent"
  }),
  encodeDefinition(2, { key: "", origin: "app", metricType: "n", tags: {}, kind: undefined, unit: undefined })
]

const columns = encodeColumns({
  series: [1, 2, 1],
  time: [1_763_900_000_000, 1_763_900_000_250, 1_763_899_999_000],
  value: [12.5, -0.1, 1e300],
  fields: [undefined, { ply: 31, position: { fen: "8/8", lastMove: "e2e4" } }, undefined]
})

const readBatchText = (text: string): Either.Either<ReadBatch, unknown> => {
  const dictionary: Dictionary = new Map()
  return Either.flatMap(parseJson(text), (json) => {
    const applied = applyDefinitions(dictionary, definitionsIn(json))
    return Either.flatMap(
      Either.flatMap(applied, () => decodeBatchFrame(json)),
      (frame): Either.Either<ReadBatch, unknown> => readPoints(frame, dictionary)
    )
  })
}

/** The points of a batch, written again as a sender would. */
const writeBatch = ({ fields, series, time, value }: ReadBatch): string => {
  const ids = new Map<string, number>()
  const definitions: Array<string> = []
  const idOf = series.map((one) => {
    const name = JSON.stringify([one.key, one.kind, one.unit])
    const known = ids.get(name)
    if (known !== undefined) return known
    ids.set(name, ids.size)
    definitions.push(encodeDefinition(ids.size - 1, one))
    return ids.size - 1
  })
  return encodeBatch({
    stream: "s",
    first: 0,
    define: definitions,
    columns: encodeColumns({ series: idOf, time, value, fields })
  })
}

const clientFrame: Decoder = {
  name: "frame of a sender",
  isJson: true,
  samples: texts(
    encodeBatch({ stream: "s1", first: 41_000, define, columns, sender: "me", acked: 40_000 }),
    "{\"type\":\"hello\",\"protocol\":1,\"sender\":\"me\",\"streams\":[{\"stream\":\"s1\",\"acked\":1,\"next\":2}],\"time\":1763900000000,\"capabilities\":[\"gzip\"]}",
    "{\"type\":\"skip\",\"stream\":\"s1\",\"from\":1,\"to\":5,\"reason\":\"drop-oldest\",\"loss\":{\"generator\":\"g\",\"count\":4,\"from\":1,\"to\":2}}"
  ),
  accepts: (bytes) => {
    const text = textOf(bytes)
    const json = parseJson(text)
    if (Either.isLeft(json)) return false
    const frame = decodeClientValue(json.right)
    const batch = readBatchText(text)
    if (Either.isRight(batch) && batch.right.time.length > 0) {
      const again = Either.getOrThrow(readBatchText(writeBatch(batch.right)))
      assert.deepEqual(again.rejected, [])
      assert.deepEqual(again.time, batch.right.time)
      assert.deepEqual(again.value, batch.right.value)
      assertAlike(again.fields, batch.right.fields)
      assert.deepEqual(again.series, batch.right.series)
    }
    if (Either.isRight(frame) && frame.right.type !== "batch") {
      const again: unknown = JSON.parse(encodeFrame(frame.right))
      assertAlike(Either.getOrThrow(decodeClientValue(again)), frame.right)
    }
    return Either.isRight(frame)
  }
}

const serverFrame: Decoder = {
  name: "frame of a server",
  isJson: true,
  samples: texts(
    "{\"type\":\"welcome\",\"protocol\":1,\"store\":\"x\",\"streams\":[{\"stream\":\"s1\",\"next\":41000}],\"window\":8,\"maxBatchBytes\":1048576,\"capabilities\":[]}",
    "{\"type\":\"ack\",\"stream\":\"s1\",\"next\":42000,\"rejected\":[[41003,\"value: expected a finite number\"]]}",
    "{\"type\":\"gap\",\"stream\":\"s1\",\"next\":40000}",
    "{\"type\":\"busy\",\"retryAfterMillis\":500}",
    "{\"type\":\"error\",\"code\":\"bad-frame\",\"message\":\"no\",\"fatal\":true}"
  ),
  accepts: (bytes) => {
    const frame = decodeServerFrame(textOf(bytes))
    if (Either.isLeft(frame)) return false
    assertAlike(Either.getOrThrow(decodeServerFrame(encodeFrame(frame.right))), frame.right)
    return true
  }
}

const metric: Decoder = {
  name: "metric or point",
  isJson: true,
  samples: texts(
    "{\"origin\":\"app\",\"metric_type\":\"m\",\"value\":1.5,\"timestamp\":\"2026-01-01T00:00:00.123Z\",\"metadata\":{\"host\":\"a\",\"n\":1,\"deep\":{\"a\":[1,{\"b\":null}]}}}",
    "{\"origin\":\"app\",\"metric_type\":\"m\",\"value\":-1,\"timestamp\":1763900000000}",
    "{\"measurement\":\"app_metrics\",\"tags\":{\"origin\":\"app\",\"metric_type\":\"m\",\"_origin\":\"x\"},\"fields\":{\"value\":1,\"note\":\"text\",\"n\":2},\"timestamp\":\"2026-01-01T00:00:00Z\"}"
  ),
  accepts: (bytes) => {
    const decoded = Either.flatMap(parseJson(textOf(bytes)), decodeMetricOrPoint)
    if (Either.isLeft(decoded)) return false
    const wire: unknown = JSON.parse(JSON.stringify(toWire(decoded.right)))
    const point: unknown = JSON.parse(JSON.stringify(toTimeseriesFormat(decoded.right)))
    assertAlike(toWire(Either.getOrThrow(decodeMetricOrPoint(wire))), toWire(decoded.right))
    if (decoded.right.timestamp !== undefined) {
      assertAlike(toWire(Either.getOrThrow(decodeMetricOrPoint(point))), toWire(decoded.right))
    }
    return true
  }
}

const time = Float64Array.from({ length: 300 }, (_, i) => 1_763_900_000_000 + i * 1_000 + i % 7)
const value = Float64Array.from({ length: 300 }, (_, i) => i % 3 === 0 ? i / 10 : Math.sin(i))

const sealed = (bytes: Buffer): Buffer => {
  if (bytes.length < 5) return bytes
  const mended = Buffer.from(bytes)
  mended.writeUInt32LE(zlib.crc32(mended.subarray(0, -4)), mended.length - 4)
  return mended
}

const chunk: Decoder = {
  name: "chunk",
  isJson: false,
  samples: [
    encodeChunk(time, value).data,
    encodeChunk(time.subarray(0, 1), value.subarray(0, 1)).data,
    encodeChunk(time, value.map(Math.round)).data
  ],
  mend: sealed,
  accepts: (bytes) => {
    const decoded = decodeChunk(bytes)
    if (Either.isLeft(decoded)) return false
    const finite = decoded.right.value.every(Number.isFinite)
    if (!finite) return true
    assert.deepEqual(decodeChunk(encodeChunk(decoded.right.time, decoded.right.value).data), decoded)
    return true
  }
}

const fields: Decoder = {
  name: "fields of a chunk",
  isJson: false,
  samples: [
    encodeFields([{ ply: 1 }, undefined, { game: { id: "x", plies: [1, 2] } }]) ?? Buffer.alloc(0),
    encodeFields(Array.from({ length: 200 }, (_, i) => i % 4 === 0 ? undefined : { i, s: "é" })) ?? Buffer.alloc(0)
  ],
  mend: sealed,
  accepts: (bytes) => {
    const decoded = decodeFields(bytes)
    if (Either.isLeft(decoded)) return false
    const again = encodeFields(decoded.right)
    if (again !== undefined) assertAlike(Either.getOrThrow(decodeFields(again)), decoded.right)
    return true
  }
}

const rollupOf = (points: number): Buffer => {
  const day = Math.floor(time[0] / 86_400_000)
  const rollup = new DayRollup(day)
  rollup.add(time.subarray(0, points), value.subarray(0, points))
  return encodeRollup(rollup)
}

const rollup: Decoder = {
  name: "rollup of a day",
  isJson: false,
  samples: [rollupOf(300), rollupOf(1)],
  mend: sealed,
  accepts: (bytes) => {
    const decoded = decodeRollup(bytes)
    if (Either.isLeft(decoded)) return false
    assert.ok(decoded.right.rows <= 1_440)
    return true
  }
}

const logRow: Decoder = {
  name: "row of the log",
  isJson: false,
  samples: [
    encodeLogRow({
      series: [1, 2, 300],
      time: [1_763_900_000_000, 0, 1_763_900_000_001],
      value: [1, -2.5, 1e300],
      fields: [undefined, { a: { b: [1] } }, undefined]
    })
  ],
  accepts: (bytes) => {
    const decoded = decodeLogRow(bytes, logRowCrc(bytes))
    return Either.isRight(decoded)
  }
}

/** Reads whole, and in two pieces: what comes out must be the same. */
const cutAnywhere = (bytes: Buffer, read: (pieces: ReadonlyArray<Buffer>) => unknown): void => {
  const at = bytes.length === 0 ? 0 : zlib.crc32(bytes) % bytes.length
  assert.deepEqual(read([bytes.subarray(0, at), bytes.subarray(at)]), read([bytes]))
}

const ndjson: Decoder = {
  name: "NDJSON",
  isJson: false,
  samples: texts(
    "{\"origin\":\"a\",\"metric_type\":\"m\",\"value\":1}\n\n{\"origin\":\"é\",\"metric_type\":\"m\",\"value\":2}\r\n\ufeff{}\n",
    "x\n".repeat(50)
  ),
  accepts: (bytes) => {
    const read = (pieces: ReadonlyArray<Buffer>) => {
      const lines = new NdjsonLines(64)
      const last = pieces.flatMap((piece) => lines.push(piece))
      const end = lines.end()
      return end === undefined ? last : [...last, end]
    }
    cutAnywhere(bytes, read)
    return read([bytes]).every(({ problem }) => problem === undefined)
  }
}

const csv: Decoder = {
  name: "CSV",
  isJson: false,
  samples: texts(
    "timestamp,origin,metric_type,value,tags,fields\n2026-01-01T00:00:00Z,app,m,1.5,\"{\"\"host\"\":\"\"a\"\"}\",\n",
    "timestamp,origin,metric_type,value\r\n1,'=app,\"a\nb\",-2\r\n\r\n\"open\n1,a,b,2\n"
  ),
  accepts: (bytes) => {
    const read = (pieces: ReadonlyArray<Buffer>) => {
      const records = new CsvRecords()
      const first = pieces.flatMap((piece) => records.push(piece))
      return [...first, ...records.end()]
    }
    cutAnywhere(bytes, read)
    const [head, ...rows] = read([bytes])
    const places = readCsvHeader(head?.cells ?? [])
    return Either.isRight(places) &&
      rows.every(({ cells }) => cells !== undefined && Either.isRight(readCsvRow(places.right, cells)))
  }
}

const fen: Decoder = {
  name: "FEN",
  isJson: false,
  samples: texts(
    "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq e3 0 1",
    "r1bq1rk1/ppp2ppp/2n2n2/8/8/2N2N2/PPP2PPP/R1BQ1RK1[Pp] w - - 4 9",
    "8/8/8/8/8/8/8/8",
    "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 3+3 0 1",
    "r~nbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR/QQ w KQkq - 0 1 +1+2"
  ),
  accepts: (bytes) => {
    const decoded = parseFen(textOf(bytes))
    if (typeof decoded === "string") {
      assert.ok(decoded.length < 1_000)
      return false
    }
    assert.equal(decoded.squares.length, 64)
    return true
  }
}

let followed: TrackerState = initialState

const feed: Decoder = {
  name: "Lichess feed",
  isJson: true,
  samples: texts(
    "{\"t\":\"featured\",\"d\":{\"id\":\"abcd1234\",\"orientation\":\"white\",\"players\":[{\"color\":\"white\",\"user\":{\"name\":\"A\",\"id\":\"a\",\"title\":\"GM\"},\"rating\":2800,\"seconds\":180},{\"color\":\"black\",\"ai\":5,\"seconds\":180}],\"fen\":\"rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR\"}}",
    "{\"t\":\"fen\",\"d\":{\"fen\":\"rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b\",\"lm\":\"e2e4\",\"wc\":179,\"bc\":180}}",
    "{\"t\":\"fen\",\"d\":{\"fen\":\"rnbqkbnr/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/RNBQKBNR w\",\"lm\":\"e7e5\",\"wc\":179,\"bc\":178}}"
  ),
  accepts: (bytes) => {
    const frame = decodeFeedFrame(textOf(bytes))
    if (Either.isLeft(frame)) return false
    if (frame.right._tag === "Unknown") return true
    const step = track(followed, { name: "blitz", details: () => undefined }, frame.right, 1_763_900_000_000)
    followed = step.state
    for (const one of step.snapshot?.toGenericMetrics() ?? []) {
      assert.ok(Number.isFinite(one.value), `${one.metricType}: ${one.value}`)
    }
    return true
  }
}

const gameExport: Decoder = {
  name: "Lichess game",
  isJson: true,
  samples: texts(
    "{\"id\":\"abcd1234\",\"rated\":true,\"variant\":\"standard\",\"speed\":\"blitz\",\"perf\":\"blitz\",\"createdAt\":1763900000000,\"lastMoveAt\":1763900300000,\"status\":\"mate\",\"players\":{\"white\":{\"user\":{\"name\":\"A\",\"id\":\"a\"},\"rating\":2800,\"ratingDiff\":5},\"black\":{\"aiLevel\":5}},\"winner\":\"white\",\"moves\":\"e4 e5\",\"clock\":{\"initial\":180,\"increment\":2,\"totalTime\":260}}"
  ),
  accepts: (bytes) => Either.isRight(Either.flatMap(parseJson(textOf(bytes)), decodeGameExport))
}

const cursor: Decoder = {
  name: "cursor",
  isJson: false,
  samples: texts("1763900000000~5~17", "-62167219200000~0"),
  accepts: (bytes) => {
    const decoded = readCursor(textOf(bytes))
    if (decoded === undefined) return false
    assertAlike(readCursor(writeCursor(decoded)), decoded)
    return true
  }
}

const queryString: Decoder = {
  name: "query string",
  isJson: false,
  samples: texts(
    "metric_type=cpu&origin=system&from=2026-01-01T00:00:00Z&to=1767229200000&step=1m&aggregate=max&by=host,core&tag.host=web-1&tag.a.b=~c.*&limit=10&cursor=1~2",
    "sender=x&since=1&limit=5&match[]=a&format=json"
  ),
  accepts: (bytes) => {
    const parameters = new URLSearchParams(textOf(bytes))
    for (const parse of [parseFilter, parseLosses, parseStatus, parseScrape]) parse(parameters)
    return Either.isRight(parseQuery(parameters))
  }
}

const words: Decoder = {
  name: "instants, durations, sizes",
  isJson: false,
  samples: texts("2026-01-31T12:00:00.5+02:00", "1763900000000", "1.5h", "500ms", "10GiB"),
  accepts: (bytes) => {
    const text = textOf(bytes)
    const instant = parseTimestamp(text)
    if (instant !== undefined) {
      assert.ok(isTimestamp(instant))
      assert.equal(parseTimestamp(formatIso(instant)), instant)
    }
    const results = [parseInstant, parseDuration, parseSize].map((parse) => parse(text))
    return results.some((result) => Either.isRight<unknown, unknown>(result))
  }
}

/** Everything in this program that reads what others wrote, and can be called with bytes. */
export const decoders: ReadonlyArray<Decoder> = [
  clientFrame,
  serverFrame,
  metric,
  chunk,
  fields,
  rollup,
  logRow,
  ndjson,
  csv,
  fen,
  feed,
  gameExport,
  cursor,
  queryString,
  words
]
