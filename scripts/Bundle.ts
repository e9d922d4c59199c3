import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "tsdown"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..")

/**
 * Bundles programs into a folder, each into a file `.mjs` of its own name;
 * `entries` as in {@link bundle}. `sourcemap` writes a map beside each file.
 */
export const bundleInto = (outDir: string, entries: ReadonlyArray<string>, sourcemap = false) =>
  build({
    config: false,
    entry: Object.fromEntries(
      entries.map((entry) => [path.basename(entry), path.join(root, `${entry}.ts`)])
    ),
    outDir,
    platform: "node",
    target: "node20.19",
    format: "esm",
    external: ["better-sqlite3"],
    noExternal: (id) => id !== "better-sqlite3",
    inlineOnly: false,
    dts: false,
    sourcemap,
    logLevel: "warn",
    tsconfig: path.join(root, "tsconfig.json")
  })

/**
 * Bundles programs as the executable is bundled, but with names that a profile
 * can be read by; `entries` are their paths in the project, without `.ts`. Answers the file of each, in order. They are removed when this
 * process ends.
 */
export const bundle = async (
  entries: ReadonlyArray<string>,
  sourcemap = false
): Promise<ReadonlyArray<string>> => {
  // Beside the packages that they need, and of this run: two runs must not take each other's code away.
  const outDir = path.join(root, "node_modules/.cache", `bench-${process.pid}`)
  process.on("exit", () => fs.rmSync(outDir, { recursive: true, force: true }))
  await bundleInto(outDir, entries, sourcemap)
  return entries.map((entry) => path.join(outDir, `${path.basename(entry)}.mjs`))
}
