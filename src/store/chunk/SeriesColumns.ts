import type { JsonObject } from "../../domain/Json.js"

/** Milliseconds of a UTC day. */
export const DAY = 86_400_000

/** The UTC day of an instant: days since 1970-01-01, negative before it. */
export const dayOf = (time: number): number => Math.floor(time / DAY)

/** Points of one series. Unless said otherwise they are sorted by time and, at equal times, by arrival. */
export interface SeriesColumns {
  /** Ms since the epoch. */
  readonly time: Float64Array
  /** Finite; −0 does not occur. */
  readonly value: Float64Array
  /** As long as `time`; `undefined` when no point has fields. */
  readonly fields: ReadonlyArray<JsonObject | undefined> | undefined
}

/** No points. */
export const noPoints: SeriesColumns = { time: new Float64Array(0), value: new Float64Array(0), fields: undefined }

const sparse = (fields: ReadonlyArray<JsonObject | undefined>): SeriesColumns["fields"] =>
  fields.some((own) => own !== undefined) ? fields : undefined

/** The points `from` ≤ index < `to`; times and values are views, not copies. */
export const slicePoints = (points: SeriesColumns, from: number, to: number): SeriesColumns =>
  from <= 0 && to >= points.time.length ? points : {
    time: points.time.subarray(from, to),
    value: points.value.subarray(from, to),
    fields: points.fields === undefined ? undefined : sparse(points.fields.slice(from, to))
  }

/** Index of the first of `count` sorted times that is at or after `instant`; `count` when there is none. */
export const firstAtOrAfter = (time: Float64Array, instant: number, count = time.length): number => {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (time[middle] < instant) low = middle + 1
    else high = middle
  }
  return low
}

/** Sorts points given in order of arrival by time, stably. Answers the same object when they are sorted already. */
export const sortByTime = (points: SeriesColumns): SeriesColumns => {
  const { fields, time, value } = points
  const count = time.length
  let sorted = true
  for (let i = 1; i < count && sorted; i++) sorted = time[i] >= time[i - 1]
  if (sorted) return points
  const order = new Uint32Array(count)
  for (let i = 0; i < count; i++) order[i] = i
  // The index decides between equal times: typed arrays promise no stable sort in older engines.
  order.sort((a, b) => time[a] - time[b] || a - b)
  return {
    time: Float64Array.from(order, (from) => time[from]),
    value: Float64Array.from(order, (from) => value[from]),
    fields: fields === undefined ? undefined : Array.from(order, (from) => fields[from])
  }
}

/**
 * Puts sorted points and later arrivals, sorted too, together: of equal times
 * the older points come first.
 */
export const mergeByTime = (older: SeriesColumns, newer: SeriesColumns): SeriesColumns => {
  const left = older.time.length
  const right = newer.time.length
  if (left === 0) return newer
  if (right === 0) return older
  const count = left + right
  const time = new Float64Array(count)
  const value = new Float64Array(count)
  const withFields = older.fields !== undefined || newer.fields !== undefined
  const fields: Array<JsonObject | undefined> = []
  let i = 0
  let j = 0
  for (let k = 0; k < count; k++) {
    if (j >= right || (i < left && older.time[i] <= newer.time[j])) {
      time[k] = older.time[i]
      value[k] = older.value[i]
      if (withFields) fields.push(older.fields?.[i])
      i++
    } else {
      time[k] = newer.time[j]
      value[k] = newer.value[j]
      if (withFields) fields.push(newer.fields?.[j])
      j++
    }
  }
  return { time, value, fields: withFields ? fields : undefined }
}

/** The points of one UTC day. */
export interface DayColumns {
  /** Days since 1970-01-01. */
  readonly day: number
  readonly points: SeriesColumns
}

/** Cuts sorted points at the UTC midnights, oldest day first. */
export const splitByDay = (points: SeriesColumns): ReadonlyArray<DayColumns> => {
  const days: Array<DayColumns> = []
  const count = points.time.length
  for (let from = 0; from < count;) {
    const day = dayOf(points.time[from])
    const to = points.time[count - 1] < (day + 1) * DAY ? count : firstAtOrAfter(points.time, (day + 1) * DAY)
    days.push({ day, points: slicePoints(points, from, to) })
    from = to
  }
  return days
}
