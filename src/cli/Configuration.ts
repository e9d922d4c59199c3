import { ConfigFile } from "@effect/cli"
import { type FileSystem, Path } from "@effect/platform"
import { Config, ConfigProvider, Effect, Layer } from "effect"
import * as os from "node:os"
import { type CliFailure, misuse } from "./CliFailure.js"

// Options carry names like `data-dir`: METRICS_DATA_DIR in the environment,
// "data-dir" in a file.
const environment = ConfigProvider.fromEnv().pipe(ConfigProvider.nested("METRICS"), ConfigProvider.constantCase)

/**
 * Where options come from when the command line does not name them: the
 * environment (`METRICS_*`), then a file `metrics-collector.{json,yaml,toml,ini}`
 * in the working directory, the user's configuration directory or `/etc`.
 */
export const configurationLayer: Layer.Layer<never, CliFailure, FileSystem.FileSystem | Path.Path> = Layer
  .unwrapEffect(
    Effect.gen(function*() {
      const path = yield* Path.Path
      const home = process.env["XDG_CONFIG_HOME"] ?? path.join(os.homedir(), ".config")
      const file = yield* ConfigFile.makeProvider("metrics-collector", {
        searchPaths: [".", path.join(home, "metrics-collector"), path.join("/etc", "metrics-collector")]
      }).pipe(Effect.mapError((error) => misuse(`configuration file: ${error.message}`)))
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
