import { describe, expect, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { sendTo } from "../browser/Server.js"
import { directory, type Program, type ProgramError, run, serve } from "../e2e/Program.js"
import { curl, curlIsThere } from "./Curl.js"
import { type Block, blocksFor, blocksOf, commandLines, documents, placeOf, useOf, words } from "./Documents.js"

/** Times stand in tables as they come; where they stand is what can be compared. */
const withoutTimes = (text: string): string => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")

/** A server with its data, and what stands in its place in the documents. */
interface World {
  readonly cwd: string
  readonly url: string
  readonly program: Program
  /** Puts this world's addresses and folders in the place of those of the documents. */
  readonly here: (word: string) => string
}

const world = (options: ReadonlyArray<string> = []): Effect.Effect<World, ProgramError, Scope.Scope> =>
  Effect.gen(function*() {
    const cwd = yield* directory
    const { program, url } = yield* serve(cwd, 0, options)
    const other = yield* serve(yield* directory)
    yield* Effect.promise(() => fs.mkdir(path.join(cwd, "backup")))
    // The examples of export ask for the processor of this host.
    const metric = { origin: "system", metric_type: "cpu_percent", value: 12.5, metadata: { host: "web-1" } }
    yield* sendTo(url, { ...metric, timestamp: Date.now() - 60_000 })
    const here: ReadonlyArray<readonly [string, string]> = [
      ["http://localhost:5000", url],
      ["https://other.example", other.url],
      ["/var/lib/metrics-server", path.join(cwd, "server")],
      ["/backup/", path.join(cwd, "backup/")]
    ]
    return {
      cwd,
      url,
      program,
      here: (word) => here.reduce((text, [there, place]) => text.replaceAll(there, place), word)
    }
  })

const call = ({ cwd, here, program, url }: World, line: string) =>
  Effect.gen(function*() {
    // As the document says where it stands: while no server runs.
    if (line.includes("store vacuum")) {
      yield* program.kill("SIGTERM")
      yield* program.ended
    }
    const env = { METRICS_ENDPOINT: `${url.replace("http", "ws")}/ws/metrics`, METRICS_SERVER: url }
    const ended = yield* run(words(line.replace(/^(?:npx )?metrics-collector /, "")).map(here), { cwd, env })
    expect(ended.code, `${line}\n${ended.stderr}`).toBe(0)
    return ended.stdout
  })

const ask = ({ here, url }: World, block: Block) =>
  Effect.gen(function*() {
    const [line] = commandLines(block.text)
    const [, ...rest] = words(line)
    const asked = yield* curl(rest.map(here))
    if (rest.includes("-N")) {
      // It never ends: what arrives while it runs is what it is there for.
      yield* asked.says(/^event: beat$/m)
      yield* sendTo(url, { origin: "kitchen", metric_type: "humidity_percent", value: 40 })
      yield* asked.says(/^event: metrics\ndata: .*"humidity_percent"/m)
      return
    }
    const answer: unknown = JSON.parse(yield* asked.output)
    if (block.next !== undefined && useOf(block.next) === "answer") {
      expect(answer, placeOf(block)).toEqual(JSON.parse(block.next.text))
    } else {
      expect(answer, placeOf(block)).not.toHaveProperty("code")
    }
  })

const isRun = (block: Block): boolean => ["calls", "request"].includes(useOf(block) ?? "")

const documentsToRun = documents.filter((document) => blocksOf(document).some(isRun))

describe("the examples of the documents", () => {
  for (const document of documentsToRun) {
    it.scopedLive.skipIf(!curlIsThere)(
      `${document}: do what it says, in the order in which they stand`,
      () =>
        Effect.gen(function*() {
          const open = yield* world()
          for (const block of blocksOf(document)) {
            if (useOf(block) === "request") {
              // A token is asked for by a server that has one only.
              yield* ask(block.text.includes("TOKEN") ? yield* world(["--token", "TOKEN"]) : open, block)
            }
            if (useOf(block) === "calls") {
              let output = ""
              for (const line of commandLines(block.text)) output += yield* call(open, line)
              if (block.next !== undefined && useOf(block.next) === "answer") {
                expect(withoutTimes(output), placeOf(block)).toBe(withoutTimes(block.next.text))
              }
            }
          }
        })
    )
  }

  it("are as many as ever", () => {
    // So that a block that is no longer recognised does not pass for one that works.
    expect(blocksFor("request").length).toBeGreaterThanOrEqual(14)
    expect(blocksFor("calls").flatMap(({ text }) => commandLines(text)).length).toBeGreaterThanOrEqual(8)
    expect(blocksFor("answer").length).toBeGreaterThanOrEqual(13)
  })
})
