import { defineConfig } from "tsdown"
import { asciiOnly } from "./scripts/AsciiOnly.js"
import { thirdPartyLicenses } from "./scripts/ThirdPartyLicenses.js"

// A native addon must stay a package of its own.
const external = ["better-sqlite3"]

const program = {
  outDir: "dist",
  platform: "node",
  target: "node20.19",
  format: "esm",
  fixedExtension: false,
  external,
  noExternal: (id: string) => !external.includes(id),
  inlineOnly: false,
  minify: true,
  dts: false,
  sourcemap: false,
  logLevel: "warn",
  tsconfig: "tsconfig.build.json"
} as const

/** The executable: everything but the native addon in few files, so that it starts fast and needs little memory. */
const executable = defineConfig({
  name: "executable",
  entry: { bin: "src/bin.ts" },
  ...program,
  clean: ["dist/bin.js", "dist/chunks", "dist/bin-licenses.txt"],
  plugins: [asciiOnly, thirdPartyLicenses("bin-licenses.txt")],
  outputOptions: { chunkFileNames: "chunks/[name]-[hash].js" }
})

/** The thread that reads for queries: it is found beside the executable, and holds only what it needs itself. */
const scanWorker = defineConfig({
  name: "scan worker",
  entry: { ScanWorker: "src/store/query/ScanWorker.ts" },
  ...program,
  clean: ["dist/ScanWorker.js", "dist/ScanWorker-licenses.txt"],
  plugins: [asciiOnly, thirdPartyLicenses("ScanWorker-licenses.txt")],
  outputOptions: { codeSplitting: false }
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
