import { Effect, Either, Schema, type Scope } from "effect"
import * as fs from "node:fs"
import * as nodePath from "node:path"
import { type CliFailure, failure, messageOf, misuse } from "../CliFailure.js"

/** What an export was asked for, in the words of the command line: two calls mean the same when these are equal. */
export interface ExportOrder {
  readonly format: string
  readonly metricType: string | null
  readonly origin: string | null
  readonly tags: { readonly [key: string]: string }
  readonly from: string | null
  readonly to: string | null
  readonly last: string | null
}

const State = Schema.Struct({
  version: Schema.Literal(1),
  /** Id of the store. */
  store: Schema.String,
  order: Schema.Struct({
    format: Schema.String,
    metricType: Schema.NullOr(Schema.String),
    origin: Schema.NullOr(Schema.String),
    tags: Schema.Record({ key: Schema.String, value: Schema.String }),
    from: Schema.NullOr(Schema.String),
    to: Schema.NullOr(Schema.String),
    last: Schema.NullOr(Schema.String)
  }),
  /** Fixed when the export began, ms since the epoch. */
  from: Schema.NullOr(Schema.Number),
  to: Schema.Number,
  /** `null`: at the begin, or all was written. */
  place: Schema.NullOr(Schema.Struct({ metricType: Schema.String, cursor: Schema.NullOr(Schema.String) })),
  /** Bytes of the file up to the place; what stands behind them was not finished. */
  bytes: Schema.Int,
  points: Schema.Int,
  clashes: Schema.Int,
  /** All was written: only the name is missing. */
  done: Schema.Boolean
})

/** How far an export to a file is: what stands beside the file until it is whole. */
export type ExportState = typeof State.Type

const StateJson = Schema.parseJson(State)
const decodeState = Schema.decodeUnknownEither(StateJson)
const encodeState = Schema.encodeSync(StateJson)

/** A file that an export writes. */
export interface ExportFile {
  /** How far an earlier call came. */
  readonly earlier: ExportState | undefined
  /** Writes text and the place after it, both to the disk. */
  readonly append: (
    text: string,
    state: Omit<ExportState, "bytes">
  ) => Effect.Effect<void, CliFailure>
  /** Gives the file its name: it is whole. */
  readonly finish: Effect.Effect<number, CliFailure>
}

const sortedText = (order: ExportOrder): string =>
  JSON.stringify([
    order.format,
    order.metricType,
    order.origin,
    Object.entries(order.tags).sort(([a], [b]) => a < b ? -1 : 1),
    order.from,
    order.to,
    order.last
  ])

const readState = (path: string): Either.Either<ExportState | undefined, string> => {
  if (!fs.existsSync(path)) return Either.right(undefined)
  return Either.mapLeft(decodeState(fs.readFileSync(path, "utf8")), () => "cannot be read")
}

const writeDurably = (path: string, text: string): void => {
  const file = fs.openSync(`${path}.new`, "w", 0o600)
  try {
    fs.writeSync(file, text)
    fs.fsyncSync(file)
  } finally {
    fs.closeSync(file)
  }
  fs.renameSync(`${path}.new`, path)
}

const syncDirectory = (path: string): void => {
  const directory = fs.openSync(nodePath.dirname(path), "r")
  try {
    fs.fsyncSync(directory)
  } finally {
    fs.closeSync(directory)
  }
}

/**
 * Opens the file of an export. Until it is whole it is called `<path>.part`, and
 * `<path>.part.json` says how far it is: the same call again goes on there.
 * Refuses a file that is there, and a part of another export or another store;
 * `force` begins anew.
 */
export const openExportFile = (options: {
  readonly path: string
  readonly order: ExportOrder
  readonly store: string
  readonly force: boolean
}): Effect.Effect<ExportFile, CliFailure, Scope.Scope> =>
  Effect.gen(function*() {
    const { force, order, path, store } = options
    const part = `${path}.part`
    const stateFile = `${part}.json`
    const attempt = <A>(run: () => A): Effect.Effect<A, CliFailure> =>
      Effect.try({ try: run, catch: (error) => failure(`${path}: ${messageOf(error)}`) })
    const anew = `--force begins anew, another --output leaves ${part} alone`

    const there = yield* attempt(() => fs.statSync(path, { throwIfNoEntry: false }))
    if (there?.isDirectory() === true) return yield* misuse(`--output ${path} is a directory; name a file in it`)
    if (there !== undefined && !force) {
      return yield* misuse(`--output ${path} is there already; name another file, or overwrite it with --force`)
    }
    if (force) {
      yield* attempt(() => {
        fs.rmSync(stateFile, { force: true })
        fs.rmSync(part, { force: true })
      })
    }
    const read = yield* attempt(() => readState(stateFile))
    if (Either.isLeft(read)) return yield* failure(`${stateFile} ${read.left}: ${anew}`)
    const earlier = read.right
    if (earlier !== undefined && sortedText(earlier.order) !== sortedText(order)) {
      return yield* misuse(`${part} belongs to an export with other options: ${anew}`)
    }
    if (earlier !== undefined && earlier.store !== store) {
      return yield* failure(`${part} belongs to an export of another store (${earlier.store}): ${anew}`)
    }
    const file = yield* Effect.acquireRelease(
      attempt(() => fs.openSync(part, earlier === undefined ? "w" : "r+", 0o600)),
      (opened) => Effect.sync(() => fs.closeSync(opened))
    )
    let bytes = earlier?.bytes ?? 0
    if (earlier !== undefined && (yield* attempt(() => fs.fstatSync(file).size)) < bytes) {
      return yield* failure(`${part} is shorter than ${stateFile} says: ${anew}`)
    }
    yield* attempt(() => fs.ftruncateSync(file, bytes))

    return {
      earlier,
      append: (text, state) =>
        Effect.suspend(() => {
          if (fs.fstatSync(file).size !== bytes) {
            return failure(`${part} was changed by somebody else meanwhile: two exports cannot write one file`)
          }
          return attempt(() => {
            const data = Buffer.from(text, "utf8")
            for (let written = 0; written < data.length;) {
              written += fs.writeSync(file, data, written, data.length - written, bytes + written)
            }
            fs.fdatasyncSync(file)
            bytes += data.length
            writeDurably(stateFile, encodeState({ ...state, bytes }))
          })
        }),
      finish: attempt(() => {
        fs.renameSync(part, path)
        fs.rmSync(stateFile, { force: true })
        syncDirectory(path)
        return bytes
      })
    }
  })
