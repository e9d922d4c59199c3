import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect, Option } from "effect"
import { chooseGenerators } from "../../../src/cli/options/GeneratorOptions.js"

const nothing = {
  system: false,
  lichess: [],
  lichessUser: [],
  lichessUrl: "https://lichess.org",
  stdin: false,
  interval: Duration.seconds(1),
  tag: [],
  hostname: Option.none(),
  probe: "auto",
  procfs: "/proc",
  sysfs: "/sys",
  noSelfMetrics: false
} as const

const environment = (variables: { readonly [name: string]: string }) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

describe("chooseGenerators", () => {
  it.effect("collects this host unless another source is named", () =>
    Effect.gen(function*() {
      const systemWith = (options: Partial<Parameters<typeof chooseGenerators>[0]>) =>
        Effect.map(chooseGenerators({ ...nothing, ...options }), ({ system }) => system)
      expect(yield* systemWith({})).toBe(true)
      expect(yield* systemWith({ lichess: ["blitz"] })).toBe(false)
      expect(yield* systemWith({ lichessUser: ["ann"] })).toBe(false)
      expect(yield* systemWith({ stdin: true })).toBe(false)
      expect(yield* systemWith({ lichessUser: ["ann"], system: true })).toBe(true)
    }).pipe(environment({})))

  it.effect("reads repeatable options from the environment, where the command line has none", () =>
    Effect.gen(function*() {
      const choice = yield* chooseGenerators({ ...nothing, lichess: ["rapid", "rapid"] })
      expect(choice).toMatchObject({ lichess: ["rapid"], lichessUser: ["ann", "bob"], tags: { rack: "7" } })
    }).pipe(environment({ lichess: "blitz", "lichess-user": "ann, bob", tags: "rack=7" })))
})
