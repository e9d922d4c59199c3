import { defineConfig } from "tsdown"

// better-sqlite3 is a native addon and must stay a package of its own. What
// Effect offers for other runtimes and never loads here stays unresolved.
const external = ["better-sqlite3"]

/** The executable: everything but the native addon in few files, so that it starts fast and needs little memory. */
const executable = defineConfig({
  name: "executable",
  entry: { bin: "src/bin.ts" },
  outDir: "dist",
  clean: ["dist/bin.js", "dist/chunks"],
  platform: "node",
  target: "node20.19",
  format: "esm",
  fixedExtension: false,
  external,
  noExternal: (id) => !external.includes(id),
  outputOptions: { chunkFileNames: "chunks/[name]-[hash].js" },
  minify: true,
  dts: false,
  sourcemap: false,
  logLevel: "warn",
  tsconfig: "tsconfig.build.json"
})

/** The dashboard: one script, one style sheet, one page. */
const dashboard = defineConfig({
  name: "dashboard",
  entry: { main: "src/dashboard/main.ts" },
  outDir: "dist/dashboard",
  platform: "browser",
  target: "es2022",
  format: "esm",
  fixedExtension: false,
  hash: false,
  noExternal: /.*/,
  minify: true,
  dts: false,
  copy: ["src/dashboard/index.html"],
  logLevel: "warn",
  tsconfig: "src/dashboard/tsconfig.json"
})

export default [executable, dashboard]
