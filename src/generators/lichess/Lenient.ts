import { Either, Schema } from "effect"
import { isWellFormed } from "../../domain/Json.js"

const longestText = 100

/** Text that can be written as UTF-8. */
export const WellFormed = Schema.String.pipe(Schema.filter(isWellFormed))

/** A name or a word: at most 100 characters of well-formed text. */
export const Text = WellFormed.pipe(Schema.maxLength(longestText))

/** A side of the board. */
export const ChessColor = Schema.Literal("white", "black")

/** A value of an unexpected kind is `undefined`. */
export const orUndefined = <A, I>(schema: Schema.Schema<A, I>) =>
  Schema.UndefinedOr(schema).annotations({ decodingFallback: () => Either.right(undefined) })

/**
 * A part that may be missing, null or of a new shape: the message is worth
 * more than its ornaments, so what does not fit is left out, not refused.
 */
export const lenient = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(orUndefined(schema))
