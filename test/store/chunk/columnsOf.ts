import type { JsonObject } from "../../../src/domain/Json.js"
import type { SeriesColumns } from "../../../src/store/chunk/SeriesColumns.js"

/** Points from lists of equal length, in the order of the lists. */
export const columnsOf = (
  time: ArrayLike<number>,
  value: ArrayLike<number>,
  fields?: ReadonlyArray<JsonObject | undefined>
): SeriesColumns => ({ time: new Float64Array(time), value: new Float64Array(value), fields })
