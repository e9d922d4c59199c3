const ascii = /^[\u0020-\u007e]*$/

// Two columns: what Unicode calls wide or full width, and emoji. Terminals
// differ on sequences of emoji; each member is counted, as the widest of them do.
const wide = new RegExp(
  "[\\u1100-\\u115f\\u2329\\u232a\\u2630-\\u2637\\u268a-\\u268f\\u2e80-\\u303e\\u3041-\\ua4cf\\ua960-\\ua97f\\uac00-\\ud7a3\\uf900-\\ufaff" +
    "\\ufe10-\\ufe19\\ufe30-\\ufe6f\\uff01-\\uff60\\uffe0-\\uffe6\\u{16fe0}-\\u{18dff}\\u{1aff0}-\\u{1b2ff}" +
    "\\u{1d300}-\\u{1d37f}\\u{1f200}-\\u{1f2ff}\\u{20000}-\\u{3fffd}\\p{Emoji_Presentation}]",
  "u"
)

const pictographic = /\p{Extended_Pictographic}/u

// Drawn upon the character before them.
const none = /[\p{Mn}\p{Me}\u200b-\u200d\u2060-\u2064\u{e0020}-\u{e007f}]/u

/** Where a tab may lead at most. */
const tabWidth = 8

/** Asks that the character before it be drawn as an emoji, which is wider. */
const emojiSelector = 0xfe0f

const widthOf = (char: string): number => {
  const code = char.codePointAt(0) ?? 0
  if (code < 0x300) return code === 9 ? tabWidth : 1
  if (code === emojiSelector) return 1
  if (wide.test(char) || (code >= 0x1f000 && pictographic.test(char))) return 2
  return none.test(char) ? 0 : 1
}

/**
 * Columns that text takes on a terminal, at most: where terminals differ, as on
 * emoji, it is the widest. Control characters other than tabs count as one.
 */
export const displayWidth = (text: string): number => {
  if (ascii.test(text)) return text.length
  let width = 0
  for (const char of text) width += widthOf(char)
  return width
}

/** The most of the characters that takes no more than `room` columns. */
const firstOf = (chars: Iterable<string>, room: number): ReadonlyArray<string> => {
  const taken: Array<string> = []
  let used = 0
  for (const char of chars) {
    used += widthOf(char)
    if (used > room) break
    taken.push(char)
  }
  return taken
}

/** Text of at most `width` columns; `mark` stands for what had to be cut away at its end. */
export const cutToWidth = (text: string, width: number, mark = "…"): string => {
  if (displayWidth(text) <= width) return text
  const room = width - displayWidth(mark)
  return room < 0 ? "" : `${firstOf(text, room).join("")}${mark}`
}

/**
 * Text of at most `width` columns, of which the beginning and more of the end
 * is kept: in the message of an error what happened stands first, and why last.
 */
export const cutInside = (text: string, width: number): string => {
  if (displayWidth(text) <= width) return text
  if (width < 1) return ""
  const head = Math.floor((width - 1) / 3)
  const tail = firstOf(Array.from(text).reverse(), width - 1 - head)
  return `${firstOf(text, head).join("")}…${[...tail].reverse().join("")}`
}

/** Text filled with spaces up to `width` columns: behind it, or before it where it stands at the right. */
export const padToWidth = (text: string, width: number, right = false): string => {
  const spaces = " ".repeat(Math.max(0, width - displayWidth(text)))
  return right ? `${spaces}${text}` : `${text}${spaces}`
}
