import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { optionsFirst } from "../../src/cli/Help.js"
import { importHelp } from "../../src/cli/Import.js"
import { outboxHelp } from "../../src/cli/Outbox.js"
import { queryHelp } from "../../src/cli/Query.js"
import { sendHelp } from "../../src/cli/Send.js"

const ordered = (line: string): string =>
  optionsFirst([importHelp, queryHelp, sendHelp, outboxHelp], line.split(" ")).join(" ")

describe("the words of a call", () => {
  it("may have options behind arguments", () => {
    assert.equal(
      ordered("import a.csv b.csv --server http://s --format csv"),
      "import --server http://s --format csv a.csv b.csv"
    )
    assert.equal(ordered("query cpu --chart --last 5m"), "query --chart --last 5m cpu")
    assert.equal(ordered("query --chart cpu"), "query --chart cpu")
  })

  it("keep what is no option where it stands: negative numbers, a dash, what follows --", () => {
    assert.equal(ordered("send room temperature -5 --token t"), "send --token t room temperature -5")
    assert.equal(ordered("import - --server http://s"), "import --server http://s -")
    assert.equal(ordered("import a --format csv -- --server"), "import --format csv a -- --server")
    assert.equal(ordered("query cpu --nonsense 5"), "query cpu --nonsense 5")
  })

  it("keep the values of options, also those that look like options, and a missing one", () => {
    assert.equal(ordered("query cpu --tag --chart"), "query --tag --chart cpu")
    assert.equal(ordered("query cpu --last"), "query --last cpu")
  })

  it("of a command that has subcommands, or of none, stay as they are", () => {
    assert.equal(ordered("outbox x --data-dir d"), "outbox x --data-dir d")
    assert.equal(ordered("nothing x --server s"), "nothing x --server s")
  })
})
