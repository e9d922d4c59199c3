// Whatever comes from outside may hold terminal control sequences; on a
// terminal or in a log they could forge lines, move the cursor, or turn the
// direction of what is shown. Written as an escape they are harmless, and JSON
// that is written so is still the same JSON.
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

const escapeOf = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`

/** Text with every control character but tab and line feed written as its escape. */
export const printable = (text: string): string => text.replace(control, escapeOf)

/** Like {@link printable}, on one line: a line feed becomes `\n`. */
export const printableLine = (text: string): string => printable(text).replaceAll("\n", "\\n")

/** A value as JSON on one line that is harmless on a terminal. */
export const printableJson = (value: unknown): string => printable(JSON.stringify(value))
