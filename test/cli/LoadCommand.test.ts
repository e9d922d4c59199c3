import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { helpPages } from "../../src/cli/Commands.js"
import { commandNames, loadCommand } from "../../src/cli/LoadCommand.js"

describe("loadCommand", () => {
  it("can load each command alone, and knows all of those that the overview lists", () => {
    expect(commandNames).toEqual(helpPages.map(({ name }) => name))
  })

  it.effect("loads the command that a word names, by the page it shows", () =>
    Effect.forEach(helpPages, (page) =>
      Effect.map(loadCommand(page.name), ({ pages }) => {
        expect(pages).toEqual([page])
      })))

  it.effect("loads all for a word that names none, and for no word", () =>
    Effect.forEach(["toString", "--completions", undefined], (word) =>
      Effect.map(loadCommand(word), ({ pages }) => {
        expect(pages).toEqual(helpPages)
      })))
})
