import * as fs from "node:fs"
import { SourceMap, type SourceMapPayload } from "node:module"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

/** A function as V8 names it: native ones have no file. */
interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
  readonly columnNumber: number
}

interface ProfileNode {
  readonly id: number
  readonly callFrame: CallFrame
  readonly hitCount?: number
  readonly children?: ReadonlyArray<number>
  /** Samples by line of the script, from 1 on. */
  readonly positionTicks?: ReadonlyArray<{ readonly line: number; readonly ticks: number }>
}

/** What V8 writes. */
interface CpuProfile {
  readonly nodes: ReadonlyArray<ProfileNode>
}

/** Samples of one function in which it ran itself. */
export interface Own {
  readonly area: string
  readonly name: string
  /** File of its source, as a reader finds it; empty where there is none. */
  readonly file: string
  readonly hits: number
}

/** Where the samples of a profile fell in which the program was busy. */
export interface Summary {
  readonly hits: number
  readonly functions: ReadonlyArray<Own>
  readonly areas: ReadonlyArray<{ readonly area: string; readonly hits: number }>
}

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..")

const isProfile = (value: unknown): value is CpuProfile =>
  typeof value === "object" && value !== null && "nodes" in value && Array.isArray(value.nodes)

const isSourceMap = (value: unknown): value is SourceMapPayload =>
  typeof value === "object" && value !== null && "mappings" in value && typeof value.mappings === "string"

const readMap = (file: string): SourceMap | undefined => {
  if (!fs.existsSync(file)) return undefined
  const map: unknown = JSON.parse(fs.readFileSync(file, "utf8"))
  return isSourceMap(map) ? new SourceMap(map) : undefined
}

/** Reads maps of scripts, each once. */
const makeMaps = () => {
  const known = new Map<string, SourceMap | undefined>()
  return (file: string): SourceMap | undefined => {
    if (!known.has(file)) known.set(file, readMap(`${file}.map`))
    return known.get(file)
  }
}

/** The source of a function: a path in this project, `package/path`, or `node:…`; with the line when it has no name. */
const sourceOf = (
  { columnNumber, functionName, lineNumber, url }: CallFrame,
  mapOf: ReturnType<typeof makeMaps>
): string => {
  if (!url.startsWith("file://")) return url
  const file = fileURLToPath(url)
  const entry = mapOf(file)?.findEntry(lineNumber, columnNumber)
  const isMapped = entry !== undefined && "originalSource" in entry
  const source = isMapped ? path.resolve(path.dirname(file), entry.originalSource) : file
  const line = functionName === "" ? `:${(isMapped ? entry.originalLine : lineNumber) + 1}` : ""
  const [, inPackages] = source.split(/node_modules\/(?!\.cache)/).slice(-2)
  return (inPackages ?? path.relative(root, source)) + line
}

/** Reads scripts by line, each once. */
const makeScripts = () => {
  const known = new Map<string, ReadonlyArray<string>>()
  return (url: string): ReadonlyArray<string> => {
    const lines = known.get(url) ?? fs.readFileSync(new URL(url), "utf8").split("\n")
    known.set(url, lines)
    return lines
  }
}

const packageOf = (file: string): string => file.split("/").slice(0, file.startsWith("@") ? 2 : 1).join("/")

const effectRuntime =
  /^effect\/.*\/(?:fiberRuntime|core|core-effect|fiber|fiberRefs|fiberScope|Scheduler|runtime)\.js(?::|$)/

/** To which part of the whole a source belongs. */
const areaOf = (file: string): string => {
  if (file.startsWith("node:")) return "Node"
  if (file.startsWith("scripts/")) return "the benchmark itself"
  if (file.startsWith("src/")) {
    const [, room, below] = file.split("/")
    return below === undefined ? "this package: src" : `this package: ${room}`
  }
  if (packageOf(file) === "better-sqlite3") return "SQLite"
  if (effectRuntime.test(file)) return "Effect: fibers"
  return packageOf(file).startsWith("@effect") || packageOf(file) === "effect" ? "Effect: the rest" : packageOf(file)
}

const sqliteCalls = new Set(["run", "get", "all", "exec", "iterate", "pragma", "prepare"])

const isSqliteCall = (name: string, area: string): boolean =>
  sqliteCalls.has(name) && (area === "SQLite" || /^this package: (?:sender|store|sqlite)$/.test(area))

/**
 * Sums the samples of a profile by function and by area. What is native counts
 * where it is called from, but for JSON and SQLite, which are areas of their
 * own; samples in which the program waited are left out.
 */
export const summarize = (json: string): Summary => {
  const profile: unknown = JSON.parse(json)
  if (!isProfile(profile)) throw new Error("no profile of V8")
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map(profile.nodes.flatMap(({ children = [], id }) => children.map((child) => [child, id])))
  const mapOf = makeMaps()
  const linesOf = makeScripts()

  /** The nearest frame that has a script: that of the node, or of who called it. */
  const inScript = (node: ProfileNode): CallFrame | undefined => {
    let at: ProfileNode | undefined = node
    while (at !== undefined && at.callFrame.url === "") at = nodes.get(parents.get(at.id) ?? -1)
    return at?.callFrame
  }

  const place = (node: ProfileNode): Omit<Own, "hits"> => {
    const { functionName, url } = node.callFrame
    if (functionName === "(garbage collector)") {
      return { area: "garbage collection", name: "garbage collector", file: "" }
    }
    const frame = inScript(node)
    if (functionName === "(program)" || frame === undefined) {
      return { area: "native code of Node", name: "outside of JavaScript", file: "" }
    }
    const file = sourceOf(frame, mapOf)
    const area = areaOf(file)
    const name = functionName === "" ? "(anonymous)" : functionName
    if (url !== "") return { area, name, file }
    return isSqliteCall(name, area)
      ? { area: "SQLite", name: `SQLite: ${name}`, file }
      : { area, name: `${name} (native)`, file }
  }

  /** Calls of JSON within a function: the engine's own functions have no frames, but are known by the line. */
  const jsonCalls = (node: ProfileNode): ReadonlyArray<readonly [name: string, hits: number]> => {
    const { callFrame: { url }, positionTicks = [] } = node
    if (!url.startsWith("file://")) return []
    return positionTicks.flatMap(({ line, ticks }) => {
      const call = /\bJSON\.(?:parse|stringify)(?=\()/.exec(linesOf(url)[line - 1] ?? "")?.[0]
      return call === undefined ? [] : [[call, ticks] as const]
    })
  }

  const functions = new Map<string, Own>()
  const areas = new Map<string, number>()
  let total = 0
  const add = (own: Own): void => {
    const key = `${own.area} ${own.name} ${own.file}`
    functions.set(key, { ...own, hits: (functions.get(key)?.hits ?? 0) + own.hits })
    areas.set(own.area, (areas.get(own.area) ?? 0) + own.hits)
    total += own.hits
  }
  for (const node of profile.nodes) {
    const { callFrame: { functionName }, hitCount = 0 } = node
    if (hitCount === 0 || functionName === "(idle)" || functionName === "(root)") continue
    const placed = place(node)
    let rest = hitCount
    for (const [name, hits] of jsonCalls(node)) {
      add({ area: "JSON", name, file: placed.file, hits })
      rest -= hits
    }
    if (rest > 0) add({ ...placed, hits: rest })
  }
  const byHits = (a: { readonly hits: number }, b: { readonly hits: number }): number => b.hits - a.hits
  return {
    hits: total,
    functions: Array.from(functions.values()).sort(byHits),
    areas: Array.from(areas, ([area, hits]) => ({ area, hits })).sort(byHits)
  }
}
