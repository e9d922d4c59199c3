const columns = 120

// Tables, pictures, headings and comments are a line each.
const standsAlone = (line: string): boolean => line === "" || /^[|!#<]/.test(line)

const broken = (paragraph: string): string => {
  const indent = paragraph.startsWith("- ") ? "  " : ""
  const lines: Array<string> = []
  let last = ""
  for (const word of paragraph.split(" ")) {
    if (last !== "" && last.length + 1 + word.length > columns) {
      lines.push(last)
      last = indent + word
    } else last = last === "" ? word : `${last} ${word}`
  }
  return [...lines, last].join("\n")
}

/** Breaks paragraphs and list items of Markdown at blanks, as wide as the documents are; tables and pictures stay. */
export const wrapProse = (text: string): string => {
  const paragraphs: Array<string> = []
  let open = false
  for (const line of text.split("\n")) {
    if (open && !standsAlone(line) && !line.startsWith("- ")) paragraphs.push(`${paragraphs.pop()} ${line.trim()}`)
    else paragraphs.push(line)
    open = !standsAlone(line)
  }
  return paragraphs.map((paragraph) => standsAlone(paragraph) ? paragraph : broken(paragraph)).join("\n")
}
