import { defineConfig } from "tsdown"
import { thirdPartyLicenses } from "./scripts/ThirdPartyLicenses.js"

// A native addon must stay a package of its own.
const external = ["better-sqlite3"]

/** The executable: everything but the native addon in few files, so that it starts fast and needs little memory. */
const executable = defineConfig({
  name: "executable",
  entry: { bin: "src/bin.ts" },
  outDir: "dist",
  clean: ["dist/bin.js", "dist/chunks", "dist/bin-licenses.txt"],
  platform: "node",
  target: "node20.19",
  format: "esm",
  fixedExtension: false,
  external,
  noExternal: (id) => !external.includes(id),
  inlineOnly: false,
  plugins: [thirdPartyLicenses("bin-licenses.txt")],
  outputOptions: { chunkFileNames: "chunks/[name]-[hash].js" },
  minify: true,
  dts: false,
  sourcemap: false,
  logLevel: "warn",
  tsconfig: "tsconfig.build.json"
})

/** The thread that reads for queries: it is found beside the executable, and holds only what it needs itself. */
const scanWorker = defineConfig({
  name: "scan worker",
  entry: { ScanWorker: "src/store/query/ScanWorker.ts" },
  outDir: "dist",
  clean: ["dist/ScanWorker.js", "dist/ScanWorker-licenses.txt"],
  platform: "node",
  target: "node20.19",
  format: "esm",
  fixedExtension: false,
  external,
  noExternal: (id) => !external.includes(id),
  inlineOnly: false,
  plugins: [thirdPartyLicenses("ScanWorker-licenses.txt")],
  outputOptions: { codeSplitting: false },
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
  inlineOnly: false,
  plugins: [thirdPartyLicenses("licenses.txt")],
  minify: true,
  dts: false,
  copy: ["src/dashboard/index.html"],
  logLevel: "warn",
  tsconfig: "src/dashboard/tsconfig.json"
})

export default [executable, scanWorker, dashboard]
