import type { JsonObject } from "../../domain/Json.js"

/**
 * Points in one piece, that costs another thread next to nothing to receive:
 * its columns are handed over, not copied, and fields are one text.
 */
export interface PackedPoints {
  readonly time: Float64Array<ArrayBuffer>
  readonly value: Float64Array<ArrayBuffer>
  /** JSON of an array with `null` where a point has no fields; `undefined` when none has any. */
  readonly fields: string | undefined
}

/** What to hand over when points are sent. */
export const transferOf = ({ time, value }: PackedPoints): ReadonlyArray<ArrayBuffer> => [time.buffer, value.buffer]

/** Gathers points until they are sent. */
export class PointPacker {
  private readonly time: Array<number> = []
  private readonly value: Array<number> = []
  private readonly fields: Array<JsonObject | null> = []
  private withFields = 0

  /** What the points weigh: one with fields as much as ten without. */
  get weight(): number {
    return this.time.length + 9 * this.withFields
  }

  add(time: number, value: number, fields: JsonObject | undefined): void {
    this.time.push(time)
    this.value.push(value)
    this.fields.push(fields ?? null)
    if (fields !== undefined) this.withFields++
  }

  pack(): PackedPoints {
    return {
      time: new Float64Array(this.time),
      value: new Float64Array(this.value),
      fields: this.withFields === 0 ? undefined : JSON.stringify(this.fields)
    }
  }
}

const isList = (value: unknown): value is ReadonlyArray<unknown> => Array.isArray(value)

// What JSON.parse made holds nothing but JSON.
const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The fields of packed points by their places; `undefined` when none has any. */
export const unpackFields = ({ fields }: PackedPoints): ReadonlyArray<JsonObject | undefined> | undefined => {
  if (fields === undefined) return undefined
  const all: unknown = JSON.parse(fields)
  return isList(all) ? all.map((own) => isObject(own) ? own : undefined) : undefined
}
