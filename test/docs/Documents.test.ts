import { describe, expect, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { blocksFor, documents, placeOf, prose, read, root } from "./Documents.js"

/** The anchor of a heading as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replace(/\s/g, "-")

const anchorsOf = (document: string): ReadonlySet<string> =>
  new Set(Array.from(read(document).matchAll(/^#+ (.+)$/gm), ([, heading = ""]) => anchorOf(heading)))

const source = fs.readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => fs.readFileSync(path.join(root, "src", name), "utf8"))
  .join("\n")

describe("the documents", () => {
  it("link to files and headings that are there", () => {
    const broken = documents.flatMap((document) =>
      Array.from(prose(document).matchAll(/\]\(([^)\s]+)\)/g), ([, link = ""]) => link)
        .filter((link) => !/^https?:/.test(link))
        .filter((link) => {
          const [target = "", anchor] = link.split("#")
          const file = target === "" ? document : path.posix.join(path.posix.dirname(document), target)
          return !fs.existsSync(path.join(root, file)) || (anchor !== undefined && !anchorsOf(file).has(anchor))
        })
        .map((link) => `${document}: ${link}`)
    )
    expect(broken).toEqual([])
  })

  it("are found from the README, and every picture from one of them", () => {
    const linked = new Set(
      documents.flatMap((document) =>
        Array.from(
          prose(document).matchAll(/\]\(([^)\s#]+)/g),
          ([, link = ""]) => path.posix.join(path.posix.dirname(document), link)
        )
      )
    )
    const pictures = fs.readdirSync(path.join(root, "docs/images")).map((name) => `docs/images/${name}`)
    expect(pictures.filter((name) => !linked.has(name))).toEqual([])
    const fromReadme = new Set(Array.from(prose("README.md").matchAll(/\]\(([^)\s#]+)/g), ([, link]) => link))
    expect(documents.filter((name) => name !== "README.md" && !fromReadme.has(name))).toEqual([])
  })

  it("are there when a comment in the source names them", () => {
    const named = new Set(Array.from(source.matchAll(/docs\/[\w-]+\.md/g), ([name]) => name))
    expect(Array.from(named).filter((name) => !fs.existsSync(path.join(root, name))).sort()).toEqual([])
  })

  it("quote messages that the program has", () => {
    const written = source.replace(/["`]\s*\+\s*["`]/g, "")
    const quoted = Array.from(read("docs/troubleshooting.md").matchAll(/^\| (.*?) \|/gm), ([, seen = ""]) => seen)
      .flatMap((seen) => Array.from(seen.matchAll(/`([^`]+)`/g), ([, text = ""]) => text))
      .filter((text) => text.includes(" "))
    expect(quoted.length).toBeGreaterThan(15)
    expect(quoted.filter((text) => !written.includes(text))).toEqual([])
  })

  it("show only code that stands in the examples, which are compiled and run", () => {
    const examples = fs.readdirSync(path.join(root, "test/examples"))
      .filter((name) => name.endsWith(".ts"))
      .map((name) => fs.readFileSync(path.join(root, "test/examples", name), "utf8"))
    const code = blocksFor("code")
    expect(code.length).toBeGreaterThanOrEqual(7)
    expect(code.filter(({ text }) => !examples.some((example) => example.includes(text.trim()))).map(placeOf)).toEqual(
      []
    )
  })
})
