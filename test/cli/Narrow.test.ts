import { FastCheck } from "effect"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { answerText } from "../../src/cli/Query.js"
import { pointText } from "../../src/cli/Tail.js"
import { renderFields } from "../../src/cli/terminal/Fields.js"
import { foldWords } from "../../src/cli/terminal/Fold.js"
import { displayWidth } from "../../src/domain/DisplayWidth.js"

const at = Date.UTC(2026, 0, 31, 12)

describe("words that are folded", () => {
  const word = FastCheck.string({ minLength: 1, maxLength: 12 }).map((text) => text.replaceAll(/\s/g, "_"))
  const groups = FastCheck.array(FastCheck.array(word, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 })

  it("stay whole, in their order, in lines that fit unless one word alone does not", () => {
    FastCheck.assert(FastCheck.property(groups, FastCheck.integer({ min: 1, max: 60 }), (groups, width) => {
      const lines = foldWords(groups, width)
      const words = lines.flatMap((line) => line.trim().split(/ +/))
      assert.deepEqual(words, groups.flat())
      for (const line of lines) assert.ok(displayWidth(line) <= width || line.trim().split(/ +/).length === 1)
      for (const line of lines.slice(1)) assert.match(line, /^ {2}\S/)
    }))
  })

  it("are one line where there is room", () => {
    assert.deepEqual(foldWords([["a"], ["b", "c"], ["d"]], 9), ["a  b c  d"])
    assert.deepEqual(foldWords([["a"], ["b", "c"], ["d"]], 8), ["a  b c", "  d"])
  })
})

describe("fields", () => {
  const path = "/var/lib/metrics collector/outbox.db"
  const fields = [
    { label: "Outbox", value: path },
    { label: "Opened", value: "3 min ago, by a process that runs or did not end by itself", prose: true }
  ]

  it("stand beside their labels where there is room", () => {
    assert.deepEqual(renderFields(fields, Infinity), [`Outbox  ${path}`, `Opened  ${fields[1].value}`])
  })

  it("stand below them where there is none: text between words, a path in one piece", () => {
    assert.deepEqual(renderFields(fields, 30), [
      "Outbox",
      `  ${path}`,
      "Opened",
      "  3 min ago, by a process that",
      "  runs or did not end by",
      "  itself"
    ])
  })
})

describe("a point that tail shows", () => {
  const point = {
    origin: "system",
    metric_type: "cpu_percent",
    tags: { core: "3", host: "web-1.example" },
    timestamp: at,
    value: 12.5
  }

  it("is a line where the terminal is wide enough, and always where there is none", () => {
    const line = "2026-01-31T12:00:00.000Z  system  cpu_percent  12.5  core=3 host=web-1.example"
    assert.equal(pointText(point, Infinity), line)
    assert.equal(pointText(point, line.length), line)
    assert.equal(
      pointText({ ...point, tags: {}, fields: { ply: 3 } }, Infinity),
      "2026-01-31T12:00:00.000Z  system  cpu_percent  12.5  {\"ply\":3}"
    )
  })

  it("goes on in a line below it where it is not, each name in one piece", () => {
    assert.equal(
      pointText(point, 60),
      "2026-01-31T12:00:00.000Z  system  cpu_percent  12.5  core=3\n  host=web-1.example"
    )
    assert.equal(
      pointText(point, 40),
      "2026-01-31T12:00:00.000Z  system\n  cpu_percent  12.5  core=3\n  host=web-1.example"
    )
  })

  it("holds no line of its own making in a name", () => {
    assert.equal(pointText({ ...point, tags: { host: "a\nb\u001b[2J" } }, 200).split("\n").length, 1)
  })
})

describe("the answer to a query", () => {
  const series = (host: string, points: ReadonlyArray<readonly [number, number]>) => ({
    origin: "system",
    metric_type: "cpu_percent",
    tags: { host },
    points: points.map(([seconds, value]) => [at + seconds * 1_000, value] as const)
  })
  const answer = { series: [series("web-1", [[0, 12.5], [2, 7]]), series("web-2", [[1, 100]])], truncated: false }

  it("is one table in order of time where it fits", () => {
    assert.equal(
      answerText(answer, 80),
      [
        "TIME                      ORIGIN  TAGS        VALUE",
        "2026-01-31T12:00:00.000Z  system  host=web-1   12.5",
        "2026-01-31T12:00:01.000Z  system  host=web-2    100",
        "2026-01-31T12:00:02.000Z  system  host=web-1      7"
      ].join("\n")
    )
  })

  it("is one table of each series below its name where it does not", () => {
    assert.equal(
      answerText(answer, 40),
      [
        "system  host=web-1",
        "TIME                      VALUE",
        "2026-01-31T12:00:00.000Z   12.5",
        "2026-01-31T12:00:02.000Z      7",
        "",
        "system  host=web-2",
        "TIME                      VALUE",
        "2026-01-31T12:00:01.000Z    100"
      ].join("\n")
    )
  })
})
