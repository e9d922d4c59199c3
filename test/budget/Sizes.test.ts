import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { promisify } from "node:util"
import { brotliCompressSync, gzipSync } from "node:zlib"
import { executable } from "../e2e/Program.js"
import { atMost } from "./atMost.js"

const dist = path.dirname(executable)

const read = (...names: ReadonlyArray<string>): Buffer => fs.readFileSync(path.join(dist, ...names))

const chunks = fs.readdirSync(path.join(dist, "chunks"))

const kilobytes = (bytes: number): number => Math.round(bytes / 1_000)

const Packed = Schema.parseJson(Schema.Tuple(Schema.Struct({ size: Schema.Number, unpackedSize: Schema.Number })))

/** What npm would publish of what stands there, as built. */
const packed = Effect.promise(() =>
  promisify(execFile)("npm", ["pack", "--dry-run", "--ignore-scripts", "--json", "--loglevel=error"], {
    cwd: path.dirname(dist),
    maxBuffer: 16_777_216
  })
).pipe(Effect.flatMap(({ stdout }) => Schema.decode(Packed)(stdout)), Effect.map(([one]) => one))

describe("how large it is", () => {
  it("the executable", () => {
    const swagger = chunks.filter((name) => read("chunks", name).includes("SwaggerUIBundle"))
    expect(swagger).toHaveLength(1)
    const rest = chunks.filter((name) => !swagger.includes(name))
    const bytes = rest.reduce((sum, name) => sum + read("chunks", name).length, read("bin.js").length)
    atMost("kB of the executable, without the page of its API", kilobytes(bytes), 2_300)
    atMost("kB of the page of the API", kilobytes(read("chunks", swagger[0]).length), 2_100)
    atMost("kB of the thread that reads for queries", kilobytes(read("ScanWorker.js").length), 65)
  })

  it("the dashboard, as a browser fetches it", () => {
    const names = fs.readdirSync(path.join(dist, "dashboard")).filter((name) => /\.(?:html|js|css)$/.test(name))
    expect(names.sort()).toEqual(["index.html", "main.css", "main.js"])
    const sum = (compress: (bytes: Buffer) => Buffer): number =>
      names.reduce((bytes, name) => bytes + compress(read("dashboard", name)).length, 0)
    atMost("kB of the dashboard", kilobytes(sum((bytes) => bytes)), 136)
    atMost("kB of the dashboard by gzip", kilobytes(sum(gzipSync)), 52)
    atMost("kB of the dashboard by brotli", kilobytes(sum(brotliCompressSync)), 47)
  })

  it.live("the package, as npm fetches it", () =>
    Effect.gen(function*() {
      const { size, unpackedSize } = yield* packed
      atMost("kB of the package", kilobytes(size), 1_950)
      atMost("kB of the package unpacked", kilobytes(unpackedSize), 6_600)
    }))
})
