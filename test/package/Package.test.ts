import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { readdirSync } from "node:fs"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { ask, directory, eventually, ProgramError, QueryAnswer, serve, start } from "../e2e/Program.js"
import { Consumer } from "./Consumer.js"

const examples = fileURLToPath(new URL("../examples/", import.meta.url))

/** An example as it stands, but for the port, which must be free here. */
const example = (name: string, port = 5000): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => fs.readFile(path.join(examples, name), "utf8")),
    (text) => text.replaceAll("localhost:5000", `localhost:${port}`)
  )

const names = readdirSync(examples).filter((name) => name.endsWith(".ts"))

layer(Consumer.layer, { excludeTestServices: true, timeout: "15 minutes" })(
  "the package, packed and installed",
  (it) => {
    it.effect("holds what it needs and nothing else", () =>
      Effect.gen(function*() {
        const { packed } = yield* Consumer
        const files = packed.files.map(({ path }) => path)
        for (
          const name of [
            "README.md",
            "LICENSE",
            "CHANGELOG.md",
            "package.json",
            "dist/bin.js",
            "dist/ScanWorker.js",
            "dist/dashboard/index.html",
            "dist/lib/index.js",
            "dist/lib/index.d.ts",
            "dist/lib/store/query/ScanWorker.js",
            "dist/lib/testing/index.d.ts"
          ]
        ) expect(files).toContain(name)
        const rest = files.filter((name) =>
          !/^(?:dist|docs)\/|^(?:README\.md|LICENSE|CHANGELOG\.md|package\.json)$/.test(name)
        )
        expect(rest).toEqual([])
        expect(files.filter((name) => /\.(?:test\.js|map|tsbuildinfo)$|^dist\/lib\/dashboard/.test(name))).toEqual([])
        expect(packed.size).toBeLessThan(2_000_000)
      }))

    it.scoped(
      "compiles the examples against its types, refuses a pipeline without its Layer, and runs what compiles",
      () =>
        Effect.gen(function*() {
          const consumer = yield* Consumer
          const { port, url } = yield* serve(yield* directory)
          for (const name of names) yield* consumer.write(name, yield* example(name, port))
          // One pass of the compiler over the good ones and a pipeline whose Layer was
          // forgotten: only that one may be found fault with, and must be.
          yield* consumer.write("wrong.ts", yield* example("wrong/forgottenLayer.ts"))
          const { output } = yield* consumer.compile([...names, "wrong.ts"])
          const faults = output.split("\n").filter((line) => /^\S.*error TS/.test(line))
          expect(faults.length, output).toBeGreaterThan(0)
          for (const fault of faults) expect(fault).toMatch(/^wrong\.ts\(\d+,\d+\): error TS\d+: /)
          expect(output).toContain("Forgotten")
          const run = (name: string, words: ReadonlyArray<string> = []) =>
            consumer.execute(process.execPath, [path.join("compiled", name), ...words])

          expect((yield* run("simulate.js")).output).toContain("problems: 0")
          expect((yield* run("dice.js", ["--help"])).output).toMatch(/Usage: metrics-collector/)
          const dice = yield* start(["run", "--stdout", "--no-self-metrics"], {
            cwd: consumer.directory,
            script: path.join("compiled", "dice.js")
          })
          yield* dice.says(/"origin":"game","metric_type":"dice","value":[1-6],/)
          yield* dice.kill("SIGTERM")
          expect((yield* dice.ended).code).toBe(0)

          const embedded = yield* run("embed.js")
          expect(embedded.code, embedded.output).toBe(0)
          const pointsOf = (metricType: string) =>
            Effect.map(
              ask(`${url}/api/query?metric_type=${metricType}&fields=true`, QueryAnswer),
              ({ series }) => series
            )
          const [order] = yield* pointsOf("order_euros")
          expect(order).toMatchObject({ tags: { country: "PT" }, points: [[expect.any(Number), 49.9, { items: 3 }]] })
          expect((yield* pointsOf("dice")).flatMap(({ points }) => points).length).toBeGreaterThanOrEqual(2)
          expect((yield* pointsOf("cpu_percent")).length).toBeGreaterThan(0)

          expect((yield* run("socket.js")).output.trim()).toBe(JSON.stringify({ type: "success", accepted: 1 }))
          expect((yield* pointsOf("humidity_percent")).map(({ points }) => points[0][1])).toEqual([47.25])

          expect(yield* run("server.js")).toMatchObject({ code: 0, output: expect.stringContaining("[ 49.9 ]") })
          expect(yield* run("swap.js")).toMatchObject({ code: 0, output: expect.stringContaining("true") })
        })
    )

    it.scoped("gives the command", () =>
      Effect.gen(function*() {
        const consumer = yield* Consumer
        const version = yield* consumer.execute("npx", ["--no", "metrics-collector", "--version"])
        expect(version).toMatchObject({ code: 0, output: expect.stringMatching(/^\d+\.\d+\.\d+\s*$/) })
        const up = yield* start(["up", "--port", "0", "--data-dir", "data"], {
          cwd: consumer.directory,
          script: path.join("node_modules", "metrics-collector", "dist", "bin.js")
        })
        const url = yield* up.says(/Dashboard +(http:\S+)\//)
        const page = yield* Effect.promise(() => fetch(`${url}/`).then((response) => response.text()))
        expect(page).toMatch(/<html/i)
        yield* eventually(Effect.filterOrFail(
          ask(`${url}/api/query?metric_type=cpu_percent`, QueryAnswer),
          ({ series }) => series.length > 0,
          () => new ProgramError({ message: "no CPU yet" })
        ))
        yield* up.kill("SIGTERM")
        expect((yield* up.ended).code).toBe(0)
      }))
  }
)
