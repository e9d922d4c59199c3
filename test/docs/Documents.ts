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
  readonly language: string
  readonly text: string
  /** The block that follows with nothing but blank lines between. */
  readonly next: Block | undefined
}

/** The fenced blocks of a document, in their order. */
export const blocksOf = (document: string): ReadonlyArray<Block> => {
  const text = read(document)
  const blocks: Array<Block> = []
  let next: Block | undefined
  let nextBegin = 0
  for (const match of Array.from(text.matchAll(/^```(\w*)\n(.*?)^```$/gms)).reverse()) {
    const [whole, language = "", own = ""] = match
    const follows = text.slice(match.index + whole.length, nextBegin).trim() === ""
    next = { language, text: own, next: follows ? next : undefined }
    nextBegin = match.index
    blocks.push(next)
  }
  return blocks.reverse()
}

/** A curl command of a document, as a request. */
export interface CurlRequest {
  /** From the first slash after the port on. */
  readonly path: string
  readonly method: string
  readonly headers: { readonly [name: string]: string }
  readonly body: string | undefined
}

/** Reads a curl command that is written with `-X`, `-H` and `-d` alone. */
export const curlRequest = (command: string): CurlRequest => ({
  path: /http:\/\/localhost:5000([^'\s]*)/.exec(command)?.[1] ?? "",
  method: /-X (\w+)/.exec(command)?.[1] ?? "GET",
  headers: Object.fromEntries(
    Array.from(command.matchAll(/-H '([^:]+): ([^']+)'/g), ([, name = "", value = ""]) => [name, value])
  ),
  body: /-d '([^']*)'/.exec(command)?.[1]
})

/** The curl commands of a document that are followed by the JSON they answer with. */
export const curlExamples = (
  document: string
): ReadonlyArray<{ readonly request: CurlRequest; readonly answer: unknown }> =>
  blocksOf(document).flatMap(({ language, next, text }) =>
    language === "sh" && text.startsWith("curl ") && next?.language === "json"
      ? [{ request: curlRequest(text), answer: JSON.parse(next.text) as unknown }]
      : []
  )
