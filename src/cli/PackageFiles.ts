import { FileSystem, Path } from "@effect/platform"
import { Effect, Option, Schema } from "effect"
import { fileURLToPath } from "node:url"

const Manifest = Schema.parseJson(Schema.Struct({ name: Schema.String, version: Schema.String }))

/** Where this package lies and which version it is. */
export interface PackageInfo {
  readonly directory: string
  readonly version: string
}

// The bundle and the library lie at different depths below the package, so the
// way up is searched rather than counted.
const search = (
  directory: string
): Effect.Effect<Option.Option<PackageInfo>, never, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const manifest = yield* fs.readFileString(path.join(directory, "package.json")).pipe(
      Effect.flatMap(Schema.decode(Manifest)),
      Effect.option
    )
    if (Option.isSome(manifest) && manifest.value.name === "metrics-collector") {
      return Option.some({ directory, version: manifest.value.version })
    }
    const parent = path.dirname(directory)
    return parent === directory ? Option.none() : yield* search(parent)
  })

/** Finds this package on disk; version `unknown` when its `package.json` is not to be found. */
export const packageInfo: Effect.Effect<PackageInfo, never, FileSystem.FileSystem | Path.Path> = Effect.gen(
  function*() {
    const path = yield* Path.Path
    const here = path.dirname(fileURLToPath(import.meta.url))
    return Option.getOrElse(yield* search(here), (): PackageInfo => ({ directory: here, version: "unknown" }))
  }
)

/** The folder of the built dashboard, where there is one. */
export const dashboardFiles: Effect.Effect<string | undefined, never, FileSystem.FileSystem | Path.Path> = Effect.gen(
  function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const { directory } = yield* packageInfo
    const folder = path.join(directory, "dist", "dashboard")
    const built = yield* Effect.orElseSucceed(fs.exists(path.join(folder, "index.html")), () => false)
    return built ? folder : undefined
  }
)
