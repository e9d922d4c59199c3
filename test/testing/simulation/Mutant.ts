import { Effect, type Scope } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { ViteNodeRunner } from "vite-node/client"
import { ViteNodeServer } from "vite-node/server"
import { createViteServer } from "vitest/node"
import type * as Simulation from "../../../src/testing/simulation/Simulation.js"
import { root } from "../../architecture/SourceFiles.js"

/** One line of the source, and what stands in its place. */
export interface Edit {
  /** Below `src`. */
  readonly file: string
  /** The whole line, without the spaces around it. */
  readonly line: string
  readonly by: string
}

/** A way to break the protocol. */
export interface Mutant {
  readonly name: string
  readonly edits: ReadonlyArray<Edit>
}

/** The source of a file after the edits; fails unless each of their lines stands there exactly once. */
export const mutate = (source: string, edits: ReadonlyArray<Edit>): string => {
  const lines = source.split("\n")
  const original = lines.map((line) => line.trim())
  for (const { by, file, line } of edits) {
    const at = original.indexOf(line)
    if (at < 0 || original.lastIndexOf(line) !== at) {
      throw new Error(
        `${file}: the line that a mutant replaces stands there not once, but ${
          at < 0 ? "never" : "more often"
        }: ${line}`
      )
    }
    lines[at] = by
  }
  return lines.join("\n")
}

/**
 * Loads the simulation with all it runs, a mutant's lines in place of those of
 * the source.
 */
export const loadMutant = ({ edits }: Mutant): Effect.Effect<typeof Simulation, never, Scope.Scope> =>
  Effect.gen(function*() {
    for (const file of new Set(edits.map((edit) => edit.file))) {
      mutate(fs.readFileSync(path.join(root, "src", file), "utf8"), edits.filter((edit) => edit.file === file))
    }
    const server = yield* Effect.acquireRelease(
      Effect.promise(() =>
        createViteServer({
          root,
          configFile: false,
          logLevel: "error",
          server: { hmr: false, watch: null, ws: false },
          optimizeDeps: { noDiscovery: true, include: [] },
          plugins: [{
            name: "mutant",
            enforce: "pre",
            transform: (code, id) => {
              const own = edits.filter(({ file }) => id.endsWith(`/src/${file}`))
              return own.length === 0 ? undefined : mutate(code, own)
            }
          }]
        })
      ),
      (server) => Effect.promise(() => server.close())
    )
    const node = new ViteNodeServer(server)
    const runner = new ViteNodeRunner({
      root,
      base: "/",
      fetchModule: (id) => node.fetchModule(id),
      resolveId: (id, importer) => node.resolveId(id, importer)
    })
    const file = path.join(root, "src/testing/simulation/Simulation.ts")
    return yield* Effect.promise((): Promise<typeof Simulation> => runner.executeFile(file))
  })
