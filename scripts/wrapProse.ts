const columns = 120

/** Breaks lines of Markdown at blanks where they are longer than the documents are wide; tables and pictures stay. */
export const wrapProse = (text: string): string =>
  text.split("\n").map((line) => {
    if (line.length <= columns || /^[|!#<]/.test(line)) return line
    const indent = line.startsWith("- ") ? "  " : ""
    const lines: Array<string> = []
    let last = ""
    for (const word of line.split(" ")) {
      if (last !== "" && last.length + 1 + word.length > columns) {
        lines.push(last)
        last = indent + word
      } else last = last === "" ? word : `${last} ${word}`
    }
    return [...lines, last].join("\n")
  }).join("\n")
