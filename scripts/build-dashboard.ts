/** Bundles the dashboard into dist/dashboard: one script, one style sheet, one page. */
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "tsdown"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..")
const source = path.join(root, "src/dashboard")
const target = path.join(root, "dist/dashboard")

await build({
  config: false,
  entry: { main: path.join(source, "main.ts") },
  outDir: target,
  platform: "browser",
  target: "es2022",
  format: "esm",
  tsconfig: path.join(source, "tsconfig.json"),
  noExternal: [/.*/],
  minify: true,
  dts: false,
  clean: true,
  logLevel: "warn",
  fixedExtension: false,
  hash: false
})

await fs.copyFile(path.join(source, "index.html"), path.join(target, "index.html"))
