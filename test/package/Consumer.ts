import { Context, Data, Effect, Layer, Schema, type Scope } from "effect"
import { execFile } from "node:child_process"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..")

/** A step in the life of a package that depends on this one failed. */
export class ConsumerError extends Data.TaggedError("ConsumerError")<{ readonly message: string }> {}

/** How a command ended. */
export interface Outcome {
  readonly code: number
  readonly output: string
}

const failed = (what: string) => (cause: unknown): ConsumerError =>
  new ConsumerError({ message: `${what}: ${cause instanceof Error ? cause.message : String(cause)}` })

// What npm tells its scripts about this package would reach an npm that works
// on another one.
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) =>
    !name.toLowerCase().startsWith("npm_") || /^npm_config_(?:registry|cache)$/i.test(name)
  )
)

const execute = (
  directory: string,
  command: string,
  words: ReadonlyArray<string>,
  env: { readonly [name: string]: string } = {}
): Effect.Effect<Outcome> =>
  Effect.async((resume) => {
    const child = execFile(
      command,
      words,
      { cwd: directory, env: { ...environment, ...env }, maxBuffer: 67_108_864 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1
        resume(Effect.succeed({ code, output: stdout + stderr }))
      }
    )
    child.stdin?.end()
    return Effect.sync(() => void child.kill("SIGKILL"))
  })

const must = (outcome: Effect.Effect<Outcome>, what: string): Effect.Effect<string, ConsumerError> =>
  Effect.flatMap(
    outcome,
    ({ code, output }) =>
      code === 0 ? Effect.succeed(output) : Effect.fail(new ConsumerError({ message: `${what}: ${output}` }))
  )

const Packed = Schema.parseJson(Schema.Tuple(Schema.Struct({
  filename: Schema.String,
  size: Schema.Number,
  files: Schema.Array(Schema.Struct({ path: Schema.String }))
})))

const Manifest = Schema.parseJson(Schema.Struct({
  devDependencies: Schema.Record({ key: Schema.String, value: Schema.String })
}))

const temporary: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  // The real path: npx compares paths, and a temporary directory may be a link.
  Effect.promise(async () => fs.realpath(await fs.mkdtemp(path.join(os.tmpdir(), "metrics-package-")))),
  (made) => Effect.promise(() => fs.rm(made, { recursive: true, force: true }))
)

const make = Effect.gen(function*() {
  const home = yield* temporary
  const directory = path.join(home, "consumer")
  yield* Effect.promise(() => fs.mkdir(directory))

  // Scripts would build again what `npm test` has just built.
  const [packed] = yield* must(
    execute(root, "npm", ["pack", "--ignore-scripts", "--json", "--loglevel=error", "--pack-destination", home]),
    "npm pack"
  ).pipe(Effect.flatMap(Schema.decode(Packed)), Effect.mapError(failed("npm pack")))

  yield* Effect.promise(() =>
    fs.writeFile(path.join(directory, "package.json"), JSON.stringify({ private: true, type: "module" }))
  )
  // The versions that this package is built with; a consumer without them gets
  // the newest that the peers' ranges allow. The two packages of types are what
  // Effect's own declarations ask for.
  const { devDependencies } = yield* Effect.promise(() => fs.readFile(path.join(root, "package.json"), "utf8")).pipe(
    Effect.flatMap(Schema.decode(Manifest)),
    Effect.mapError(failed("package.json"))
  )
  const pinned = Object.entries(devDependencies)
    .filter(([name]) => /^(?:effect$|@effect\/(?!vitest|language-service)|@types\/(?:node|ws)$)/.test(name))
    .map(([name, version]) => `${name}@${version}`)
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"]
  yield* must(execute(directory, "npm", ["install", ...flags, path.join(home, packed.filename), ...pinned]), "install")

  // Compiled once for this machine already.
  const addon = path.join("node_modules", "better-sqlite3", "build")
  yield* Effect.tryPromise({
    try: () => fs.cp(path.join(root, addon), path.join(directory, addon), { recursive: true }),
    catch: failed("better-sqlite3")
  })

  const write = (name: string, text: string): Effect.Effect<void> =>
    Effect.promise(async () => {
      const file = path.join(directory, name)
      await fs.mkdir(path.dirname(file), { recursive: true })
      await fs.writeFile(file, text)
    })

  return {
    directory,
    packed,
    write,
    execute: (command: string, words: ReadonlyArray<string>, env: { readonly [name: string]: string } = {}) =>
      execute(directory, command, words, env),
    /** Checks TypeScript files as strictly as the compiler can, declarations of packages included, and compiles them. */
    compile: (files: ReadonlyArray<string>): Effect.Effect<Outcome> =>
      Effect.zipRight(
        write(
          "tsconfig.json",
          JSON.stringify({
            compilerOptions: {
              target: "ES2022",
              module: "NodeNext",
              strict: true,
              exactOptionalPropertyTypes: true,
              noUncheckedIndexedAccess: true,
              skipLibCheck: false,
              outDir: "compiled",
              rootDir: ".",
              types: ["node"]
            },
            files
          })
        ),
        execute(directory, process.execPath, [path.join(root, "node_modules/typescript/bin/tsc"), "-p", "."])
      )
  }
})

/** A folder of its own into which this package was installed as a user would: packed, by npm, with its peers. */
export class Consumer extends Context.Tag("test/Consumer")<Consumer, Effect.Effect.Success<typeof make>>() {
  static readonly layer: Layer.Layer<Consumer, ConsumerError> = Layer.scoped(Consumer, make)
}
