import { FileSystem } from "@effect/platform"
import { NodeStream } from "@effect/platform-node"
import { Chunk, Effect, Option, type Scope, Stream } from "effect"
import { createHash } from "node:crypto"
import * as nodePath from "node:path"
import { createGunzip } from "node:zlib"
import { type CliFailure, failure, messageOf, misuse } from "../CliFailure.js"
import type { MetricsFormat } from "./ImportRecords.js"

/** A file of metrics that is read twice: to tell it from others, and to send it. */
export interface ImportSource {
  /** As a person named it. */
  readonly name: string
  readonly format: MetricsFormat
  /** Bytes of the file as it lies there, gzipped or not. */
  readonly size: number
  /** What stands in it, unzipped where it is gzip; `onBytes` hears of every piece of the file that was read. */
  readonly content: (onBytes: (count: number) => void) => Stream.Stream<Uint8Array, CliFailure>
  /** Fails when the file is not as it was when the import began. */
  readonly checkUnchanged: Effect.Effect<void, CliFailure>
}

const chunkSize = 262_144

const isGzip = (head: Uint8Array): boolean => head[0] === 0x1f && head[1] === 0x8b

const formatOf = (name: string): MetricsFormat => /\.csv(?:\.gz)?$/i.test(name) ? "csv" : "ndjson"

/**
 * Opens `name` (`-`: standard input). What is no regular file can be read only
 * once, and is copied to a temporary file first. Without a format the ending
 * decides: `.csv`, `.csv.gz`, all else is NDJSON.
 */
export const openImportSource = (
  name: string,
  format: Option.Option<MetricsFormat>
): Effect.Effect<ImportSource, CliFailure, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const shown = name === "-" ? "standard input" : name
    const cannotRead = (error: unknown): CliFailure => failure(`${shown}: ${messageOf(error)}`)

    const copyOf = (bytes: Stream.Stream<Uint8Array, CliFailure>) =>
      Effect.gen(function*() {
        const directory = yield* fs.makeTempDirectoryScoped({ prefix: "metrics-import-" })
        const copy = nodePath.join(directory, "input")
        yield* Stream.run(bytes, fs.sink(copy))
        return copy
      }).pipe(Effect.mapError(cannotRead))

    const path = yield* Effect.gen(function*() {
      if (name === "-") return yield* copyOf(NodeStream.fromReadable(() => process.stdin, cannotRead))
      const { type } = yield* Effect.mapError(fs.stat(name), (error) => misuse(`${name}: ${error.message}`))
      if (type === "Directory") return yield* misuse(`${name} is a directory; name the files in it`)
      return type === "File" ? name : yield* copyOf(Stream.mapError(fs.stream(name), cannotRead))
    })

    const state = Effect.mapError(fs.stat(path), cannotRead)
    const { mtime, size } = yield* state
    const head = yield* Stream.runHead(fs.stream(path, { bytesToRead: 2 })).pipe(Effect.mapError(cannotRead))
    const zipped = Option.isSome(head) && isGzip(head.value)

    return {
      name: shown,
      format: Option.getOrElse(format, () => formatOf(name)),
      size: Number(size),
      content: (onBytes) => {
        const bytes = fs.stream(path, { chunkSize }).pipe(
          Stream.mapError(cannotRead),
          Stream.mapChunks((chunk) => {
            onBytes(Chunk.reduce(chunk, 0, (sum, part) => sum + part.length))
            return chunk
          })
        )
        return zipped
          ? NodeStream.pipeThroughDuplex(
            bytes,
            () => createGunzip(),
            (cause) => failure(`${shown}: cannot be unzipped: ${messageOf(cause)}`)
          )
          : bytes
      },
      checkUnchanged: Effect.flatMap(state, (now) =>
        now.size === size && Option.getOrUndefined(now.mtime)?.getTime() === Option.getOrUndefined(mtime)?.getTime()
          ? Effect.void
          : failure(
            `${shown} was changed while it was read: what of it is stored cannot be told; ` +
              "import files that nobody writes to"
          ))
    }
  })

// Which lines are metrics decides their offsets: a change of that is a change of this number.
const rules = 1

/**
 * Name of the stream of a file's metrics: the same for the same content and
 * form, whatever the file is called and whether it is gzipped.
 */
export const importStream = (
  source: ImportSource,
  onBytes: (count: number) => void
): Effect.Effect<string, CliFailure> =>
  Effect.suspend(() => {
    const hash = createHash("sha256").update(`import ${rules} ${source.format}\n`)
    return Stream.runForEachChunk(source.content(onBytes), (chunk) =>
      Effect.sync(() => {
        for (const bytes of chunk) hash.update(bytes)
      })).pipe(Effect.map(() => `import-${hash.digest("hex").slice(0, 32)}`))
  })
