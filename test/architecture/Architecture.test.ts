import { describe, expect, it } from "@effect/vitest"
import * as fs from "node:fs"
import { builtinModules } from "node:module"
import * as path from "node:path"
import { root, type SourceFile, sourceFiles } from "./SourceFiles.js"

const files = sourceFiles()
const byName = new Map(files.map((file) => [file.name, file]))

/** A folder of `src`, or a file that stands beside the folders. */
const roomOf = (name: string): string => name.split("/")[0] ?? name

const parts = ["domain", "telemetry", "wire", "sqlite"]

const inner = [...parts, "generators", "collector", "sender", "store"]

// Which rooms a room may know beside itself. Arrows point down only: what is
// not named here is forbidden, and a new room must be given its line.
const mayKnow: { readonly [room: string]: ReadonlyArray<string> } = {
  "domain": [],
  "telemetry": ["domain"],
  "wire": ["domain"],
  "sqlite": ["domain"],
  "generators": parts,
  "collector": parts,
  "sender": parts,
  "store": parts,
  "MetricsPipeline.ts": [...parts, "generators", "collector", "sender"],
  "client": ["domain", "wire"],
  "server": [...parts, "store"],
  "cli": [...inner, "MetricsPipeline.ts", "client", "server"],
  "Cli.ts": ["cli", "domain", "generators"],
  "testing": [...inner, "MetricsPipeline.ts", "client", "server"],
  "index.ts": [...inner, "MetricsPipeline.ts", "client", "server", "Cli.ts"],
  "bin.ts": ["Cli.ts"],
  "dashboard": ["domain"]
}

// Which rooms may use a library that stands for a way out of the process.
const mayUse: { readonly [library: string]: ReadonlyArray<string> } = {
  "@effect/cli": ["cli", "Cli.ts"],
  "@effect/sql-sqlite-node": ["sqlite"],
  "better-sqlite3": ["sqlite", "testing"],
  "systeminformation": ["generators"],
  "uplot": ["dashboard"],
  "ws": ["sender", "server", "testing"]
}

const packageOf = (specifier: string): string =>
  specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/")

const isBuiltin = (specifier: string): boolean => specifier.startsWith("node:") || builtinModules.includes(specifier)

/** One way round through the imports, as in `a.ts → b.ts → a.ts`, where there is any. */
const cycle = (): string | undefined => {
  const done = new Set<string>()
  const walk = (name: string, above: ReadonlyArray<string>): string | undefined => {
    const at = above.indexOf(name)
    if (at !== -1) return [...above.slice(at), name].join(" → ")
    if (done.has(name)) return undefined
    for (const { own, target } of byName.get(name)?.imports ?? []) {
      const found = own ? walk(target, [...above, name]) : undefined
      if (found !== undefined) return found
    }
    done.add(name)
    return undefined
  }
  for (const { name } of files) {
    const found = walk(name, [])
    if (found !== undefined) return found
  }
  return undefined
}

/** What is loaded when a file is: itself and, from file to file, what it imports as more than a type. */
const loadedFrom = (entries: ReadonlyArray<SourceFile>): ReadonlyArray<SourceFile> => {
  const loaded = new Set(entries)
  for (const file of loaded) {
    for (const { own, target, typeOnly } of file.imports) {
      const next = own && !typeOnly ? byName.get(target) : undefined
      if (next !== undefined) loaded.add(next)
    }
  }
  return [...loaded]
}

const importsOf = (chosen: ReadonlyArray<SourceFile>): ReadonlyArray<string> =>
  chosen.flatMap(({ imports, name }) => imports.map(({ target }) => `${name} → ${target}`))

describe("the rooms of src", () => {
  it("are reached by the arrows that are allowed, and by no other", () => {
    const forbidden = files.flatMap(({ imports, name }) => {
      const room = roomOf(name)
      return imports
        .filter(({ own, target }) => own && roomOf(target) !== room)
        .filter(({ target }) => !(mayKnow[room] ?? []).includes(roomOf(target)))
        .map(({ target }) => `${name} → ${target}`)
    })
    expect(forbidden).toEqual([])
    expect(importsOf(files).length).toBeGreaterThan(300)
  })

  it("are all known to the table, and the table knows no other", () => {
    expect(Array.from(new Set(files.map(({ name }) => roomOf(name)))).sort()).toEqual(Object.keys(mayKnow).sort())
  })

  it("import no file that is not there, and none in a circle", () => {
    const missing = files.flatMap(({ imports, name }) =>
      imports
        .filter(({ own, target }) => own && !target.endsWith(".css") && !byName.has(target))
        .map(({ target }) => `${name} → ${target}`)
    )
    expect(missing).toEqual([])
    expect(cycle()).toBeUndefined()
  })

  it("leave files, sockets, processes and the command line to those that are for them", () => {
    const strayed = files.flatMap(({ imports, name }) =>
      imports
        .filter(({ own, typeOnly }) => !own && !typeOnly)
        .filter(({ target }) => !(mayUse[packageOf(target)] ?? [roomOf(name)]).includes(roomOf(name)))
        .map(({ target }) => `${name} → ${target}`)
    )
    expect(strayed).toEqual([])
  })
})

describe("the domain", () => {
  it("is pure: it knows Effect's data types and nothing of the machine", () => {
    const foreign = files.filter(({ name }) => roomOf(name) === "domain").flatMap(({ imports, name }) =>
      imports.filter(({ own, target }) => !own && target !== "effect").map(({ target }) => `${name} → ${target}`)
    )
    expect(foreign).toEqual([])
  })
})

describe("the dashboard", () => {
  it("loads nothing of Effect and nothing of Node", () => {
    const loaded = loadedFrom(files.filter(({ name }) => roomOf(name) === "dashboard"))
    const foreign = loaded.flatMap(({ imports, name }) =>
      imports
        .filter(({ own, target, typeOnly }) => !own && !typeOnly && packageOf(target) !== "uplot")
        .map(({ target }) => `${name} → ${target}`)
    )
    expect(foreign).toEqual([])
  })
})

describe("files and folders", () => {
  // Files that a program or a browser begins with.
  const entries = new Set(["index.ts", "bin.ts", "main.ts"])

  it("are named after what they export: PascalCase for a concept, the function's own name for one function", () => {
    const misnamed = files.filter(({ exports, name }) => {
      const base = path.posix.basename(name)
      const word = base.replace(/\.ts$/, "")
      return !entries.has(base) && !/^[A-Z][A-Za-z0-9]*$/.test(word) && !exports.includes(word)
    })
    expect(misnamed.map(({ name }) => name)).toEqual([])
  })

  it("have a subject: no folder is a drawer for leftovers", () => {
    const drawers = ["utils", "util", "helpers", "helper", "common", "shared", "misc", "lib", "internal"]
    const folders = new Set(files.flatMap(({ name }) => name.split("/").slice(0, -1)))
    expect(drawers.filter((name) => folders.has(name))).toEqual([])
  })
})

describe("the package", () => {
  const manifest: {
    readonly dependencies: { readonly [name: string]: string }
    readonly peerDependencies: { readonly [name: string]: string }
    readonly devDependencies: { readonly [name: string]: string }
  } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"))

  it("depends on what the library imports, and on nothing else", () => {
    const library = files.filter(({ name }) => !["dashboard", "bin.ts"].includes(roomOf(name)))
    const used = new Set(
      library.flatMap(({ imports }) => imports)
        .filter(({ own, target }) => !own && !isBuiltin(target))
        .map(({ target }) => packageOf(target))
    )
    // Types of a package come with it.
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
      .filter((name) => !used.has(name.replace(/^@types\//, "")) || !name.startsWith("@types/"))
    expect(declared.sort()).toEqual(Array.from(used).sort())
  })

  it("is built and tested with a version of every peer that the peer's range allows", () => {
    for (const [name, range] of Object.entries(manifest.peerDependencies)) {
      expect(range, name).toBe(`^${manifest.devDependencies[name]}`)
    }
  })
})

describe("the type check", () => {
  it("holds Effect's own diagnostics; where it does not, `npm run prepare` puts them in", () => {
    const compiler = fs.readFileSync(path.join(root, "node_modules/typescript/lib/_tsc.js"), "utf8")
    expect(compiler).toContain("@effect/language-service")
  })
})
