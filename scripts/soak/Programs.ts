import { Effect, type Scope } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { bundleInto } from "../Bundle.js"
import { SoakError } from "./Process.js"

/** What a soak runs: copies, so that a build meanwhile changes nothing of it. */
export interface Programs {
  /** The executable as it was built. */
  readonly executable: string
  /** The program that embeds the sender. */
  readonly embedded: string
}

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..")

/** Copies `dist` and bundles the embedding program as the executable is; both go with the scope. */
export const preparePrograms: Effect.Effect<Programs, SoakError, Scope.Scope> = Effect.gen(function*() {
  // Within the package: its manifest and its native addon are looked for above.
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const cache = path.join(root, "node_modules/.cache")
      fs.mkdirSync(cache, { recursive: true })
      return fs.mkdtempSync(path.join(cache, "soak-"))
    }),
    (made) => Effect.sync(() => fs.rmSync(made, { recursive: true, force: true }))
  )
  const dist = path.join(root, "dist")
  yield* Effect.try({
    try: () =>
      fs.cpSync(dist, path.join(directory, "dist"), {
        recursive: true,
        filter: (file) => file !== path.join(dist, "lib") && file !== path.join(dist, "dashboard")
      }),
    catch: (cause) => new SoakError({ message: `there is no build to run (npm run build:bundles): ${String(cause)}` })
  })
  yield* Effect.tryPromise({
    try: () => bundleInto(path.join(directory, "embedded"), ["scripts/soak/EmbeddedProducer"]),
    catch: (cause) => new SoakError({ message: `the embedding program cannot be bundled: ${String(cause)}` })
  })
  return {
    executable: path.join(directory, "dist", "bin.js"),
    embedded: path.join(directory, "embedded", "EmbeddedProducer.mjs")
  }
})
