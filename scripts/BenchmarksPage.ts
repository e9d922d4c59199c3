import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..")

const git = (...words: ReadonlyArray<string>): string =>
  execFileSync("git", words, { cwd: root, encoding: "utf8" }).trim()

/**
 * What is measured and on what, as in "`command`, commit 1234567, Node.js
 * v20.20.2, 2 × some processor". Ask before measuring: what is committed
 * meanwhile is not what was measured.
 */
export const provenance = (command: string): string => {
  const changed = git("status", "--porcelain", "--", "src", "scripts") === "" ? "" : " with changes"
  const processors = `${os.cpus().length} × ${(os.cpus()[0]?.model ?? "unknown processor").trim()}`
  return `\`${command}\`, commit ${
    git("rev-parse", "--short", "HEAD")
  }${changed}, Node.js ${process.version}, ${processors}`
}

/** A number for people, with so many decimals. */
export const show = (value: number, digits: number): string =>
  value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })

/** The middle of some numbers, halfway between the two that are in the middle of evenly many; `NaN` of none. */
export const median = (values: Iterable<number>): number => {
  const sorted = Array.from(values).sort((a, b) => a - b)
  const upper = Math.floor(sorted.length / 2)
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[upper] : (sorted[upper - 1] + sorted[upper]) / 2
}

/** Puts a section between the markers of a script in docs/benchmarks.md, at its end when it has none there yet. */
export const writeSection = (script: string, section: string): void => {
  const begin = `<!-- npm run ${script} -->`
  const end = `<!-- end of ${script} -->`
  const file = path.join(root, "docs/benchmarks.md")
  const page = fs.readFileSync(file, "utf8")
  const from = page.indexOf(begin)
  const to = page.indexOf(end, from)
  const written = `${begin}\n${section.trimEnd()}\n${end}`
  fs.writeFileSync(
    file,
    from < 0 || to < 0
      ? `${page.trimEnd()}\n\n${written}\n`
      : page.slice(0, from) + written + page.slice(to + end.length)
  )
}
