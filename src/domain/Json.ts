/** Any value that JSON can carry. */
export type Json = string | number | boolean | null | ReadonlyArray<Json> | JsonObject

/** A JSON object: string keys, JSON values. */
export interface JsonObject {
  readonly [key: string]: Json
}

/** Bounds of a metric's metadata, checked once where a metric enters the program. */
export const MetadataLimits = {
  /** Most bytes of UTF-8 that the object may take when written as JSON. */
  maxBytes: 8192,
  /** Most levels of nesting, the metadata object itself being level 1. */
  maxDepth: 8
} as const

/**
 * Whether a string is well-formed Unicode. A lone surrogate cannot be written
 * as UTF-8, so it would come back from the wire as another string.
 */
export const isWellFormed = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0xd800 || unit > 0xdfff) continue
    if (unit > 0xdbff) return false
    const next = text.charCodeAt(i + 1)
    if (!(next >= 0xdc00 && next <= 0xdfff)) return false
    i++
  }
  return true
}

/** Bytes that a well-formed string takes in UTF-8. */
export const utf8Length = (text: string): number => {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    if (unit < 0x800) bytes += 1
    else if (unit >= 0xd800 && unit <= 0xdbff) {
      bytes += 2
      i++
    } else bytes += 2
  }
  return bytes
}

const isPlainObject = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

interface Walk {
  /** Never less than the bytes of the JSON text, so that small objects need no second pass. */
  upperBound: number
}

// What this bound says of a value is at most 13 times its bytes (`0,` counts 26),
// so that past it nothing more needs to be looked at.
const hopeless = 13 * MetadataLimits.maxBytes

const tooLong = `metadata: more than ${MetadataLimits.maxBytes} bytes as JSON, which is the limit`

const problemAt = (value: unknown, path: string, depth: number, walk: Walk): string | undefined => {
  switch (typeof value) {
    case "string":
      walk.upperBound += value.length * 6 + 2
      return isWellFormed(value) ? undefined : `${path}: the string holds a lone surrogate`
    case "number":
      walk.upperBound += 25
      return Number.isFinite(value) ? undefined : `${path}: expected a finite number, got ${value}`
    case "boolean":
      walk.upperBound += 5
      return undefined
    case "object":
      break
    default:
      return `${path}: expected a JSON value, got ${typeof value}`
  }
  if (value === null) {
    walk.upperBound += 4
    return undefined
  }
  if (depth > MetadataLimits.maxDepth) return `${path}: nested deeper than ${MetadataLimits.maxDepth} levels`
  walk.upperBound += 2
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      walk.upperBound += 1
      if (walk.upperBound > hopeless) return tooLong
      const problem = problemAt(value[i], `${path}[${i}]`, depth + 1, walk)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  if (!isPlainObject(value)) return `${path}: expected a plain JSON object`
  for (const [key, item] of Object.entries(value)) {
    if (key === "__proto__") return `${path}: the key __proto__ is not allowed`
    if (!isWellFormed(key)) return `${path}: a key holds a lone surrogate`
    walk.upperBound += key.length * 6 + 4
    if (walk.upperBound > hopeless) return tooLong
    const problem = problemAt(item, `${path}.${key}`, depth + 1, walk)
    if (problem !== undefined) return problem
  }
  return undefined
}

/**
 * Says what is wrong with a value as metadata, naming the place, or
 * `undefined` when it is a JSON object within {@link MetadataLimits}.
 */
export const metadataProblem = (value: unknown): string | undefined => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "metadata: expected a JSON object"
  const walk: Walk = { upperBound: 0 }
  const problem = problemAt(value, "metadata", 1, walk)
  if (problem !== undefined) return problem.length > 300 ? `${problem.slice(0, 300)}…` : problem
  if (walk.upperBound <= MetadataLimits.maxBytes) return undefined
  const bytes = utf8Length(JSON.stringify(value))
  return bytes <= MetadataLimits.maxBytes
    ? undefined
    : `metadata: ${bytes} bytes as JSON, at most ${MetadataLimits.maxBytes} are allowed`
}

/** Whether a value is a JSON object within {@link MetadataLimits}. */
export const isMetadata = (value: unknown): value is JsonObject => metadataProblem(value) === undefined

/**
 * Freezes a JSON value through all its levels, so that caches may key on the
 * object; also below an object that its owner froze by itself.
 */
export const deepFreeze = <A extends Json>(value: A): A => {
  if (typeof value === "object" && value !== null) {
    Object.freeze(value)
    for (const item of Object.values(value)) deepFreeze(item)
  }
  return value
}

/** The object without the fields that are undefined. */
export const present = (fields: { readonly [key: string]: Json | undefined }): JsonObject => {
  const kept: Record<string, Json> = {}
  for (const [key, value] of Object.entries(fields)) if (value !== undefined) kept[key] = value
  return kept
}
