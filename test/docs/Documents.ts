import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

/** The package's own folder. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..")

/** The documents, as in `docs/embedding.md`. */
export const documents: ReadonlyArray<string> = [
  "README.md",
  "CHANGELOG.md",
  ...fs.readdirSync(path.join(root, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)
]

/** The text of a document. */
export const read = (document: string): string => fs.readFileSync(path.join(root, document), "utf8")

/** A fenced block of a document. */
export interface Block {
  readonly document: string
  /** Where its fence stands, the first line being 1. */
  readonly line: number
  /** What stands behind its fence, as in `ts` or `hex chunk`. */
  readonly language: string
  readonly text: string
  /** Why nothing runs it, where a comment `<!-- not run: … -->` stands before it. */
  readonly excuse: string | undefined
  /** The block that follows with nothing but blank lines between. */
  readonly next: Block | undefined
}

/** The fenced blocks of a document, in their order. */
export const blocksOf = (document: string): ReadonlyArray<Block> => {
  const text = read(document)
  const blocks: Array<Block> = []
  let next: Block | undefined
  let nextBegin = 0
  // As CommonMark has it: three signs or more, closed by as many, also indented.
  for (const match of Array.from(text.matchAll(/^ *(```+|~~~+) *([^\n]*)\n(.*?)^ *\1 *$/gms)).reverse()) {
    const [whole, , language = "", own = ""] = match
    const before = text.slice(0, match.index)
    const follows = text.slice(match.index + whole.length, nextBegin).trim() === ""
    next = {
      document,
      line: before.split("\n").length,
      language: language.trim(),
      text: own,
      excuse: /<!-- not run: ([^>]+?) -->\s*$/.exec(before)?.[1],
      next: follows ? next : undefined
    }
    nextBegin = match.index
    blocks.push(next)
  }
  return blocks.reverse()
}

/** All fenced blocks of all documents. */
export const allBlocks: ReadonlyArray<Block> = documents.flatMap(blocksOf)

/** A document without its fenced blocks. */
export const prose = (document: string): string => read(document).replace(/^ *(```+|~~~+)[^\n]*\n.*?^ *\1 *$/gms, "")

/** What stands between backticks in a document's prose. */
export const inlineCode = (document: string): ReadonlyArray<string> =>
  Array.from(prose(document).matchAll(/`([^`]+)`/g), ([, code = ""]) => code)

/** The words of a command line, as a shell reads single quotes, double quotes and spaces. */
export const words = (line: string): ReadonlyArray<string> =>
  Array.from(
    line.trim().matchAll(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g),
    ([word]) => word.replace(/'([^']*)'|"([^"]*)"/g, (_, single?: string, double?: string) => single ?? double ?? "")
  )

/** The lines of a block of commands: one that ends within quotes goes on in the next, and comments are left out. */
export const commandLines = (text: string): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let open = ""
  for (const line of text.trimEnd().split("\n")) {
    open = open === "" ? line : `${open}\n${line}`
    if ((open.match(/'/g)?.length ?? 0) % 2 === 1) continue
    const command = open.replace(/\s+# .*$/, "").trim()
    if (command !== "") lines.push(command)
    open = ""
  }
  return open === "" ? lines : [...lines, open]
}

/** What a test does with a block. */
export type Use =
  /** Stands in a file of test/examples, which is compiled and run. */
  | "code"
  /** Calls of the built command, run against a real server and its data. */
  | "calls"
  /** Calls of the command each with what it does, read by its own parser. */
  | "usage"
  /** A curl command, run against a real server. */
  | "request"
  /** What the calls or the request before it answer. */
  | "answer"
  /** `npm run`, whose script must be there and know the options. */
  | "script"
  /** A container, whose command must be read by the command's own parser. */
  | "container"
  /** A file that the command is configured by, which configures a real server. */
  | "configuration"
  /** A service, whose command is read by the command's own parser, and which systemd verifies. */
  | "unit"
  /** Frames of the protocol, read by its codec. */
  | "frames"
  /** Bytes of the chunk format, read by its decoders. */
  | "bytes"
  /** A terminal on which the live block stands: it must have only lines that the program writes, and no wider ones. */
  | "screen"

const isCall = (line: string): boolean => /^(?:npx )?metrics-collector /.test(line)

const everyLine = (text: string, test: (line: string) => boolean): boolean =>
  text.trim() !== "" && text.trim().split("\n").every(test)

const alone = ({ language, text }: Block): Use | undefined => {
  const lines = commandLines(text)
  switch (language) {
    case "ts":
    case "js":
      return "code"
    case "sh":
    case "text":
      if (text.trim() === "") return undefined
      if (everyLine(text, isCall)) return "calls"
      if (everyLine(text, (line) => isCall(line) || /^ {4}\S/.test(line))) return isCall(text) ? "usage" : undefined
      if (lines.length === 1 && lines[0].startsWith("curl ")) return "request"
      if (lines.every((line) => line.startsWith("npm run "))) return "script"
      if (/^Delivery {3}/m.test(text)) return "screen"
      return lines.length === 1 && lines[0].startsWith("docker run ") ? "container" : undefined
    case "ini":
      return text.startsWith("# /etc/systemd/system/") ? "unit" : "configuration"
    case "json":
    case "yaml":
    case "toml":
      return "configuration"
    case "":
      return everyLine(text, (line) => /^(?:[→←] |\s)/.test(line)) ? "frames" : undefined
    default:
      return language.startsWith("hex ") ? "bytes" : undefined
  }
}

/** What a test does with a block; `undefined` when none of them knows what to do with it. */
export const useOf = (block: Block): Use | undefined => {
  if (block.excuse !== undefined) return undefined
  const before = allBlocks.find(({ next }) => next === block)
  const asked = before === undefined || before.excuse !== undefined ? undefined : alone(before)
  const isAnswer = block.language === "json" ? asked === "request" : block.language === "text" && asked === "calls"
  return isAnswer && alone(block) !== "calls" ? "answer" : alone(block)
}

/** The blocks with which a test does something. */
export const blocksFor = (use: Use): ReadonlyArray<Block> => allBlocks.filter((block) => useOf(block) === use)

/** Where a block stands, as an editor finds it. */
export const placeOf = ({ document, line }: Block): string => `${document}:${line}`
