import { Effect } from "effect"
import { nextTurn } from "../../domain/nextTurn.js"
import type { Series } from "../../domain/Series.js"
import { LONGEST_NUMBER, writeNumber } from "../../wire/writeNumber.js"
import type { QueryAnswer } from "../MetricStore.js"

/** What tells a series, as members of a JSON object. */
export const identityJson = ({ metricType, origin, tags }: Pick<Series, "origin" | "metricType" | "tags">): string =>
  `"origin":${JSON.stringify(origin)},"metric_type":${JSON.stringify(metricType)},"tags":${JSON.stringify(tags)}`

/** A piece of the text of an answer: UTF-8, in memory of its own, which may be handed to another thread. */
export interface TextPiece {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly isLast: boolean
}

// Writing as much takes about two milliseconds.
const pieceBytes = 256 * 1024

const [comma, open, close] = [0x2c, 0x5b, 0x5d]

/** Text that grows and is taken in pieces; the memory it grows in is used again and again. */
class TextRoom {
  private room = Buffer.allocUnsafeSlow(2 * pieceBytes)
  private end = 0

  get isFull(): boolean {
    return this.end >= pieceBytes
  }

  private reserve(bytes: number): void {
    if (this.end + bytes <= this.room.length) return
    const grown = Buffer.allocUnsafeSlow(2 * (this.end + bytes))
    this.room.copy(grown, 0, 0, this.end)
    this.room = grown
  }

  text(text: string): void {
    // A UTF-16 unit takes at most three bytes.
    this.reserve(3 * text.length)
    this.end += this.room.write(text, this.end, "utf8")
  }

  point(time: number, value: number, fields: object | undefined, isFirst: boolean): void {
    this.reserve(2 * LONGEST_NUMBER + 5)
    const { room } = this
    let at = this.end
    if (!isFirst) room[at++] = comma
    room[at++] = open
    at = writeNumber(room, at, time)
    room[at++] = comma
    this.end = writeNumber(room, at, value)
    if (fields !== undefined) this.text(`,${JSON.stringify(fields)}`)
    this.reserve(1)
    this.room[this.end++] = close
  }

  take(): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(this.end)
    taken.set(this.room.subarray(0, this.end))
    this.end = 0
    return taken
  }
}

/**
 * Writes an answer as the JSON text of a `QueryResult` of wire/Api.ts, in
 * pieces of some 256 KiB; with `withFields` each point carries its fields, `{}`
 * where it has none.
 */
export function* writeAnswer(answer: QueryAnswer, withFields: boolean): Generator<TextPiece, undefined> {
  const room = new TextRoom()
  room.text("{\"series\":[")
  for (let s = 0; s < answer.series.length; s++) {
    const series = answer.series[s]
    const { fields, time, value } = series
    room.text(`${s === 0 ? "" : ","}{${identityJson(series)},"points":[`)
    for (let i = 0; i < time.length; i++) {
      room.point(time[i], value[i], withFields ? fields[i] ?? {} : undefined, i === 0)
      if (room.isFull) yield { bytes: room.take(), isLast: false }
    }
    room.text("]}")
  }
  room.text(
    `],"truncated":${answer.truncated}${answer.overflow === true ? `,"overflow":true` : ""}${
      answer.cursor === undefined ? "" : `,"cursor":${JSON.stringify(answer.cursor)}`
    }}`
  )
  yield { bytes: room.take(), isLast: true }
  return undefined
}

/** All pieces that {@link writeAnswer} makes, with a turn for sockets and timers between two of them. */
export const answerText = (
  answer: QueryAnswer,
  withFields: boolean
): Effect.Effect<ReadonlyArray<Uint8Array<ArrayBuffer>>> =>
  Effect.gen(function*() {
    const pieces: Array<Uint8Array<ArrayBuffer>> = []
    for (const { bytes, isLast } of writeAnswer(answer, withFields)) {
      pieces.push(bytes)
      if (!isLast) yield* nextTurn
    }
    return pieces
  })
