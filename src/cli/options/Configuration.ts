import { ConfigFile } from "@effect/cli"
import { FileSystem, Path } from "@effect/platform"
import { Config, ConfigProvider, Effect, Layer } from "effect"
import * as os from "node:os"
import { type CliFailure, misuse } from "../CliFailure.js"

// Options carry names like `data-dir`: METRICS_DATA_DIR in the environment,
// "data-dir" in a file.
const environment = ConfigProvider.fromEnv().pipe(ConfigProvider.nested("METRICS"), ConfigProvider.constantCase)

const fileName = "metrics-collector"

const folders = Effect.map(Path.Path, (path) => {
  const home = process.env["XDG_CONFIG_HOME"] ?? path.join(os.homedir(), ".config")
  return [".", path.join(home, fileName), path.join("/etc", fileName)]
})

/**
 * Where options come from when the command line does not name them: the
 * environment (`METRICS_*`), then a file `metrics-collector.{json,yaml,toml,ini}`
 * in the working directory, the user's configuration directory or `/etc`.
 */
export const configurationLayer: Layer.Layer<never, CliFailure, FileSystem.FileSystem | Path.Path> = Layer
  .unwrapEffect(
    Effect.gen(function*() {
      const file = yield* ConfigFile.makeProvider(fileName, { searchPaths: yield* folders }).pipe(
        Effect.mapError((error) => misuse(`configuration file: ${error.message}`))
      )
      return Layer.setConfigProvider(ConfigProvider.orElse(environment, () => file))
    })
  )

/**
 * What the configuration says for a repeatable option, separated by commas:
 * @effect/cli never asks it for one.
 */
export const configuredList = (name: string): Effect.Effect<ReadonlyArray<string>> =>
  Config.string(name).pipe(
    Effect.map((text) => text.split(",").map((item) => item.trim()).filter((item) => item !== "")),
    Effect.orElseSucceed(() => [])
  )

const endings = ["json", "yaml", "yml", "ini", "toml", "tml"]

/** What there is beside the command line: the files that are read, those first that win, and the `METRICS_*` that are set. */
export const configurationSources: Effect.Effect<
  { readonly files: ReadonlyArray<string>; readonly variables: ReadonlyArray<string> },
  never,
  FileSystem.FileSystem | Path.Path
> = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const candidates = (yield* folders).flatMap((folder) =>
    endings.map((ending) => path.resolve(folder, `${fileName}.${ending}`))
  )
  const files = yield* Effect.filter(candidates, (file) => Effect.orElseSucceed(fs.exists(file), () => false))
  return { files, variables: Object.keys(process.env).filter((name) => name.startsWith("METRICS_")).sort() }
})
