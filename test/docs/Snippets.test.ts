import { CliConfig, CommandDescriptor } from "@effect/cli"
import { OpenApi } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Schema } from "effect"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { commandTree, helpPages } from "../../src/cli/Commands.js"
import { type CommandHelp, optionsFirst, optionsOf, pageOf, pagesBelow } from "../../src/cli/Help.js"
import { readPlainReply } from "../../src/sender/plain/PlainAnswer.js"
import { Api } from "../../src/wire/Api.js"
import { decodeClientFrame, decodeServerFrame } from "../../src/wire/Frames.js"
import { directory, run, start } from "../e2e/Program.js"
import {
  allBlocks,
  blocksFor,
  commandLines,
  documents,
  inlineCode,
  placeOf,
  read,
  root,
  useOf,
  words
} from "./Documents.js"

const Scripts = Schema.parseJson(
  Schema.Struct({ scripts: Schema.Record({ key: Schema.String, value: Schema.String }) })
)

const { scripts } = Schema.decodeSync(Scripts)(read("package.json"))

/** Why the command would not take a call; `undefined` when it would. Nothing of the call is done. */
const problemOf = (call: ReadonlyArray<string>): Effect.Effect<string | undefined> =>
  CommandDescriptor.parse(
    commandTree.descriptor,
    ["metrics-collector", ...optionsFirst(helpPages, call)],
    CliConfig.make({ showBuiltIns: false })
  ).pipe(
    Effect.map((read) =>
      read._tag === "BuiltIn"
        ? "it asks for help only"
        : read.leftover.length > 0
        ? `nobody reads ${read.leftover.join(" ")}`
        : undefined
    ),
    Effect.catchAll((error) => Effect.succeed(`${error._tag} ${JSON.stringify(error.error)}`)),
    Effect.provide(NodeContext.layer)
  )

/** The words of a call as a document shows it, less what a shell would do with its output. */
const callIn = (line: string): ReadonlyArray<string> =>
  words(line.replace(/ [<>|] .*$/, "").replace(/^(?:npx )?metrics-collector /, ""))

/** Lines that the command's own parser refuses, each with the reason. */
const refused = (lines: ReadonlyArray<readonly [place: string, call: ReadonlyArray<string>]>) =>
  Effect.map(
    Effect.forEach(lines, ([place, call]) =>
      Effect.map(problemOf(call), (problem) =>
        problem === undefined ? [] : [`${place}: ${call.join(" ")}: ${problem}`])),
    (found) =>
      found.flat()
  )

describe("every fenced block of the documents", () => {
  it("is used by a test, or says why not", () => {
    expect(allBlocks.filter((block) => block.excuse === undefined && useOf(block) === undefined).map(placeOf)).toEqual(
      []
    )
  })

  it("that no test uses is one of these", () => {
    const excused = allBlocks.flatMap(({ document, excuse, text }) =>
      excuse === undefined ? [] : [[document, text.split("\n")[0]]]
    )
    expect(excused).toEqual([
      ["README.md", "npm install && npm start"],
      ["README.md", "npm install && npm test"],
      ["docs/chunk-format.md", "version (1 byte) | content | CRC-32 (4 bytes, little endian)"],
      ["docs/delivery.md", "STREAM                            PRODUCED    STORED  PENDING  DEAD  LOST  MISSING  RESULT"]
    ])
  })
})

describe("calls in the documents", () => {
  it("are told apart from what the command does not take", async () => {
    const run = (line: string) => Effect.runPromise(problemOf(callIn(line)))
    expect(await run("metrics-collector query cpu_percent --last 5m")).toBeUndefined()
    expect(await run("metrics-collector query cpu_percent --nonsense 5m")).toContain("nonsense")
    expect(await run("metrics-collector query cpu_percent --aggregate most")).toContain("avg, min")
    expect(await run("metrics-collector nothing")).toContain("Invalid subcommand")
  })

  it.effect("are read by the command's own parser", () =>
    Effect.gen(function*() {
      const lines = (["usage", "calls"] as const).flatMap(blocksFor).flatMap((block) =>
        block.text.split("\n").filter((line) => /^(?:npx )?metrics-collector /.test(line))
          .map((line) => [placeOf(block), callIn(line)] as const)
      )
      expect(lines.length).toBeGreaterThan(40)
      expect(yield* refused(lines)).toEqual([])
    }))

  it.effect("of services and containers are read by it too", () =>
    Effect.gen(function*() {
      const services = blocksFor("unit").map((block) => {
        const line = /^ExecStart=\/usr\/bin\/env (metrics-collector .*)$/m.exec(block.text)?.[1] ?? ""
        return [placeOf(block), callIn(line.replaceAll("%d", "/run/credentials"))] as const
      })
      const containers = blocksFor("container").map((block) => {
        const line = words(block.text)
        return [placeOf(block), line.slice(line.indexOf("…") + 1)] as const
      })
      expect(services.length).toBe(2)
      expect(containers.length).toBe(1)
      expect(yield* refused([...services, ...containers])).toEqual([])
    }))
})

const everyOption = new Map<string, ReadonlyArray<string>>(
  helpPages.flatMap(pagesBelow).map((page): readonly [string, ReadonlyArray<string>] => [
    page.name,
    optionsOf(page).map(([option]) => option.split(" ")[0])
  ])
)

const known = new Set([...everyOption.values()].flat())

/** What every command takes, read before @effect/cli is asked. */
const everywhere = new Set(["--help", "--version", "--log-level", "--completions"])

const sourceOf = (script: string): string => {
  const file = /vite-node (scripts\/[\w-]+\.ts)/.exec(scripts[script] ?? "")?.[1]
  return file === undefined ? "" : read(file)
}

/** Whether a script of the project reads an option. */
const takes = (script: string, option: string): boolean =>
  new RegExp(`"${option}"|^ *"?${option.slice(2)}"?: \\{|[{,] "?${option.slice(2)}"?: \\{`, "m").test(sourceOf(script))

describe("what the text names", () => {
  it("by `npm run` is a script, with options that it reads", () => {
    const calls = documents.flatMap((document) =>
      [
        ...inlineCode(document).map((code) => code.replace(/\s+/g, " ")),
        ...blocksFor("script").filter((block) => block.document === document).flatMap(({ text }) => commandLines(text))
      ].filter((code) => code.startsWith("npm run ")).map((code) => ({ document, code, words: words(code) }))
    )
    expect(calls.length).toBeGreaterThan(10)
    const wrong = calls.flatMap(({ code, document, words: [, , script = "", ...rest] }) =>
      Object.hasOwn(scripts, script)
        ? rest.filter((word) => /^--[a-z]/.test(word) && !takes(script, word)).map((word) =>
          `${document}: ${code}: ${word}`
        )
        : [`${document}: ${code}`]
    )
    expect(wrong).toEqual([])
  })

  it("as a call of the command has a name and options that there are", () => {
    const wrong = documents.flatMap((document) =>
      inlineCode(document).map((code) => code.replace(/\s+/g, " ")).filter((code) =>
        /^metrics-collector [a-z]/.test(code)
      )
        .flatMap((code) => {
          const call = words(code).slice(1)
          const page: CommandHelp | undefined = pageOf(helpPages, call)
          if (page === undefined) return [`${document}: ${code}`]
          const own = everyOption.get(page.name) ?? []
          return call.filter((word) => /^--[a-z]/.test(word) && !own.includes(word) && !everywhere.has(word))
            .map((word) => `${document}: ${code}: ${word}`)
        })
    )
    expect(wrong).toEqual([])
  })

  it("as an option is one, of a command or of a script", () => {
    const named = documents.flatMap((document) =>
      inlineCode(document).flatMap((code) =>
        /^(?:docker|node|npm|npx) /.test(code)
          ? []
          : Array.from(code.matchAll(/(?<![\w-])--[a-z][a-z-]*/g), ([option]) => ({ document, option }))
      )
    )
    expect(named.length).toBeGreaterThan(100)
    const wrong = named.filter(({ option }) =>
      !known.has(option) && !everywhere.has(option) &&
      !Object.keys(scripts).some((script) => takes(script, option))
    )
    expect(wrong).toEqual([])
  })

  it("as a variable is read: it belongs to an option, or the help names it", () => {
    const ofOptions = new Set(
      [...known].map((option) => `METRICS_${option.slice(2).replaceAll("-", "_").toUpperCase()}`)
    )
    const inHelp = new Set(
      helpPages.flatMap(pagesBelow).flatMap((page) =>
        optionsOf(page).flatMap(([, about]) => about.match(/METRICS_[A-Z_]+/g) ?? [])
      )
    )
    const named = documents.flatMap((document) =>
      Array.from(read(document).matchAll(/METRICS_[A-Z_]*[A-Z]/g), ([variable]) => ({ document, variable }))
    )
    expect(named.length).toBeGreaterThan(30)
    expect(
      named.filter(({ variable }) =>
        !ofOptions.has(variable) && !inHelp.has(variable) && variable !== "METRICS_LOG_LEVEL"
      )
    ).toEqual([])
  })

  it("as a variable stands in the table of the configuration, with all others that are read", () => {
    const folder = path.join(root, "src/cli")
    const asked = fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))
      .flatMap((name) =>
        Array.from(
          fs.readFileSync(path.join(folder, name), "utf8").matchAll(
            /(?:Config\.[a-z]+(?:\([^()]*\))?|configuredList)\("([a-z-]+)"\)/g
          ),
          ([, option = ""]) => `METRICS_${option.replaceAll("-", "_").toUpperCase()}`
        )
      )
    const rows = Array.from(read("docs/configuration.md").matchAll(/^\| (`METRICS_.*?) \|/gm), ([, row = ""]) => row)
    const listed = rows.flatMap((row) => row.match(/METRICS_[A-Z_]+/g) ?? [])
    expect(asked.length).toBeGreaterThan(20)
    expect([...new Set(listed)].sort()).toEqual([...new Set(asked)].sort())
  })

  it("as a path of the API is one", () => {
    const paths = new Set(Object.keys(OpenApi.fromApi(Api).paths))
    const named = documents.flatMap((document) =>
      Array.from(read(document).matchAll(/(?<![\w.])\/api\/[a-z]+/g), ([address]) => ({ document, address }))
    )
    expect(named.length).toBeGreaterThan(20)
    expect(named.filter(({ address }) => !paths.has(address))).toEqual([])
  })
})

describe("frames in the documents", () => {
  it("are read by the codec", () => {
    const problems = blocksFor("frames").flatMap((block) =>
      block.text.replace(/\n(?![→←])/g, " ").trim().split("\n").flatMap((line) => {
        const [, sign = "", text = ""] = /^([→←])[^{]*(\{.*)$/s.exec(line) ?? []
        const read: Either.Either<unknown, string> = /"accepted"/.test(text)
          ? Either.fromNullable(readPlainReply(text, 2), () => "no answer of plain mode")
          : sign === "→"
          ? decodeClientFrame(text)
          : decodeServerFrame(text)
        return Either.isLeft(read) ? [`${placeOf(block)}: ${line}: ${read.left}`] : []
      })
    )
    expect(blocksFor("frames").length).toBe(2)
    expect(problems).toEqual([])
  })
})

describe("screens in the documents", () => {
  it("show lines that the live block has, no wider than they say", () => {
    const labels = new Set(
      Array.from(read("src/telemetry/StatusBlock.ts").matchAll(/"([A-Z][a-z]+)"/g), ([, label = ""]) => label)
    )
    for (const block of blocksFor("screen")) {
      const shown = Array.from(block.text.matchAll(/^([A-Z][a-z]+) {2,}\S/gm), ([, label = ""]) => label)
      expect(shown.length).toBeGreaterThan(3)
      expect(shown.filter((label) => !labels.has(label))).toEqual([])
      const columns = Number(/(\d+) columns/.exec(read(block.document))?.[1] ?? NaN)
      expect(block.text.split("\n").filter((line) => line.length > columns)).toEqual([])
    }
    expect(blocksFor("screen").length).toBeGreaterThan(0)
  })
})

describe("bytes in the documents", () => {
  it("are those that the test of the chunk format reads", () => {
    const test = read("test/store/chunk/Documentation.test.ts")
    const names = blocksFor("bytes").map(({ language }) => language.slice("hex ".length))
    expect(names.length).toBeGreaterThan(0)
    for (const name of names) expect(test).toContain(`example("${name}")`)
  })
})

describe("configuration files in the documents", () => {
  const files = blocksFor("configuration")

  it("are there in each form that is read", () => {
    expect(files.map(({ language }) => language).sort()).toEqual(["ini", "json", "toml", "yaml"])
  })

  it.scopedLive.each(files)("$document:$line configures a server", ({ language, text }) =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const dataDir = path.join(cwd, "kept")
      const inThisPlace = (file: string) =>
        Effect.promise(() => fs.promises.writeFile(path.join(cwd, `metrics-collector.${language}`), file))
      // A free port, and a folder that may be written.
      const own = text.replace("8080", "0").replace("/var/lib/metrics", dataDir)
      yield* inThisPlace(own)
      const server = yield* start(["serve"], { cwd })
      expect(yield* server.says(/listening on http:\/\/127\.0\.0\.1:(\d+)/)).not.toBe("5000")
      expect(fs.existsSync(path.join(dataDir, "store.db"))).toBe(true)
      yield* server.kill("SIGTERM")
      yield* server.ended
      yield* inThisPlace(own.replace("30d", "soon"))
      const refused = yield* run(["serve"], { cwd })
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("soon") })
    }))
})

const systemd = spawnSync("systemd-analyze", ["--version"]).status === 0

describe("services in the documents", () => {
  it.skipIf(!systemd).each(blocksFor("unit"))("$document:$line is what systemd takes", ({ text }) => {
    const name = /^# \/etc\/systemd\/system\/(\S+)$/m.exec(text)?.[1] ?? ""
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "metrics-unit-"))
    try {
      fs.writeFileSync(path.join(folder, name), text)
      const verified = spawnSync("systemd-analyze", ["verify", path.join(folder, name)], { encoding: "utf8" })
      // What else is installed on this machine may be wrong too.
      expect(verified.stderr.split("\n").filter((line) => line.includes(name))).toEqual([])
      expect(verified.status).toBe(0)
    } finally {
      fs.rmSync(folder, { recursive: true, force: true })
    }
  })
})
