import { describe, expect, it } from "@effect/vitest"
import * as path from "node:path"
import { helpPages } from "../../src/cli/Commands.js"
import { type CommandHelp, optionsOf, pagesBelow } from "../../src/cli/Help.js"
import { root } from "./Documents.js"

const cell = (text: string): string => text.replaceAll("|", "\\|")

const section = (page: CommandHelp): string => {
  const options = optionsOf(page)
  return [
    `## ${page.name}`,
    `${page.summary}.`,
    `\`metrics-collector ${page.name} ${page.usage}\``,
    ...(options.length === 0 ? [] : [[
      "| option | what it does |",
      "|---|---|",
      ...options.map(([option, about]) => `| \`${cell(option)}\` | ${cell(about)} |`)
    ].join("\n")]),
    "```text\n" +
    page.examples.map(([line, meaning]) => `metrics-collector ${line}\n    ${meaning}`).join("\n") + "\n```"
  ].join("\n\n")
}

describe("docs/options.md", () => {
  it("holds every option of every command as --help tells them; vitest -u writes it anew", async () => {
    const text = [
      "# Options",
      "Every command with its options, as `metrics-collector COMMAND --help` tells them. What the commands are for stands in\n" +
      "[the command line](command-line.md), the environment and the file that options come from too in\n" +
      "[configuration](configuration.md).",
      ...helpPages.flatMap(pagesBelow).map(section)
    ].join("\n\n")
    await expect(`${text}\n`).toMatchFileSnapshot(path.join(root, "docs/options.md"))
  })
})
