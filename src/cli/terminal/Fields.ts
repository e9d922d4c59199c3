import { displayWidth, padToWidth } from "../../domain/DisplayWidth.js"
import { foldWords } from "./Fold.js"

/** A value with what it is. */
export interface Field {
  readonly label: string
  readonly value: string
  /** Whether it is text to read: it may be broken between words, and is nothing to copy. */
  readonly prose?: boolean
}

/**
 * Writes fields one a line, their values under each other. A value for which
 * there is no room beside its label begins a line of its own below it, so that
 * names and paths of up to `width` − 2 columns stay in one line.
 */
export const renderFields = (fields: ReadonlyArray<Field>, width: number): ReadonlyArray<string> => {
  const labels = fields.reduce((widest, { label }) => Math.max(widest, displayWidth(label)), 0)
  return fields.flatMap(({ label, prose, value }) => {
    const beside = `${padToWidth(label, labels)}  ${value}`
    if (displayWidth(beside) <= width) return [beside.trimEnd()]
    const below = prose === true ? foldWords([value.split(" ")], width - 2).map((line) => line.trimStart()) : [value]
    return [label, ...below.map((line) => `  ${line}`)]
  })
}
