import { Options } from "@effect/cli"
import { Config, ConfigProvider, Effect, Option } from "effect"
import * as os from "node:os"
import * as path from "node:path"

/** Where a command keeps its files. */
export const dataDirOption = Options.text("data-dir").pipe(
  Options.withPseudoName("DIR"),
  Options.withDescription("Where data is kept (METRICS_DATA_DIR; default ~/.local/state/metrics-collector)"),
  Options.withFallbackConfig(Config.string("data-dir")),
  Options.optional
)

// The XDG base directory specification names the place for state.
const stateHome = Config.string("XDG_STATE_HOME").pipe(
  Effect.withConfigProvider(ConfigProvider.fromEnv()),
  Effect.orElseSucceed(() => path.join(os.homedir(), ".local", "state"))
)

/** The data directory that was named, else `metrics-collector` in the user's state directory. */
export const dataDirectory = (named: Option.Option<string>): Effect.Effect<string> =>
  Option.match(named, {
    onSome: (dir) => Effect.succeed(path.resolve(dir)),
    onNone: () => Effect.map(stateHome, (dir) => path.join(dir, "metrics-collector"))
  })
