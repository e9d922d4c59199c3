import { displayWidth } from "../../domain/DisplayWidth.js"

/**
 * Writes groups of words as one line, two spaces between groups and one between
 * words. Where that is wider than `width`, it goes on in lines that are set in
 * by two: a line is broken between words alone, so that a name can be copied
 * whole, and a word that is wider than a line stands in one of its own.
 */
export const foldWords = (groups: ReadonlyArray<ReadonlyArray<string>>, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const words of groups) {
    for (const [index, word] of words.entries()) {
      const longer = line === "" ? word : `${line}${index === 0 ? "  " : " "}${word}`
      if (line !== "" && displayWidth(longer) > width) {
        lines.push(line)
        line = `  ${word}`
      } else line = longer
    }
  }
  return line === "" ? lines : [...lines, line]
}
