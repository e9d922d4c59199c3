import { Effect } from "effect"
import { nextTurn } from "../../domain/nextTurn.js"
import type { Series } from "../../domain/Series.js"
import { LONGEST_NUMBER, writeNumber } from "../../wire/writeNumber.js"
import type { QueryAnswer, QueryText } from "../MetricStore.js"
import { PIECE_BYTES, TextMemory } from "./TextMemory.js"

/** What tells a series, as members of a JSON object. */
export const identityJson = ({ metricType, origin, tags }: Pick<Series, "origin" | "metricType" | "tags">): string =>
  `"origin":${JSON.stringify(origin)},"metric_type":${JSON.stringify(metricType)},"tags":${JSON.stringify(tags)}`

/** A piece of the text of an answer: UTF-8, alone in its memory, which may be handed to another thread. */
export interface TextPiece {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly isLast: boolean
}

const [comma, open, close] = [0x2c, 0x5b, 0x5d]

/** Text that grows and is taken in pieces. */
class TextRoom {
  private room: Buffer<ArrayBuffer>
  private end = 0

  constructor(private readonly memory: TextMemory) {
    this.room = Buffer.from(memory.take())
  }

  get isFull(): boolean {
    return this.end >= PIECE_BYTES
  }

  private reserve(bytes: number): void {
    if (this.end + bytes <= this.room.length) return
    const grown = Buffer.allocUnsafeSlow(2 * (this.end + bytes))
    this.room.copy(grown, 0, 0, this.end)
    this.memory.give(this.room.buffer)
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

  /** The text since the piece before. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(this.room.buffer, 0, this.end)
    this.room = Buffer.from(this.memory.take())
    this.end = 0
    return taken
  }

  /** The rest of the text. */
  finish(): Uint8Array<ArrayBuffer> {
    const written = new Uint8Array(this.room.buffer, 0, this.end)
    if (this.end > PIECE_BYTES / 4) return written
    // Room that is left nearly empty is of more use here.
    const taken = written.slice()
    this.memory.give(this.room.buffer)
    return taken
  }
}

/**
 * Writes an answer as the JSON text of a `QueryResult` of wire/Api.ts, in
 * pieces of some 256 KiB; with `withFields` each point carries its fields, `{}`
 * where it has none. The memory of the pieces is taken from `memory`.
 */
export function* writeAnswer(
  answer: QueryAnswer,
  withFields: boolean,
  memory: TextMemory
): Generator<TextPiece, undefined> {
  const room = new TextRoom(memory)
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
    if (room.isFull) yield { bytes: room.take(), isLast: false }
  }
  room.text(
    `],"truncated":${answer.truncated}${answer.overflow === true ? `,"overflow":true` : ""}${
      answer.cursor === undefined ? "" : `,"cursor":${JSON.stringify(answer.cursor)}`
    }}`
  )
  yield { bytes: room.finish(), isLast: true }
  return undefined
}

/** The text of an answer as {@link writeAnswer} makes it, with a turn for sockets and timers between two pieces. */
export const answerText = (
  answer: QueryAnswer,
  withFields: boolean,
  memory = new TextMemory()
): Effect.Effect<QueryText> =>
  Effect.gen(function*() {
    const pieces: Array<Uint8Array<ArrayBuffer>> = []
    for (const { bytes, isLast } of writeAnswer(answer, withFields, memory)) {
      pieces.push(bytes)
      if (!isLast) yield* nextTurn
    }
    return {
      pieces,
      giveBack: () => {
        for (const { buffer } of pieces.splice(0)) memory.give(buffer)
      }
    }
  })
