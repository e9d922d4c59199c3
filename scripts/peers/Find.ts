import { Effect, Schema } from "effect"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as path from "node:path"
import { PeerMissing } from "./Peer.js"

// Daemons are kept out of the search path of people.
const folders = [...(process.env["PATH"] ?? "").split(path.delimiter), "/usr/sbin", "/usr/local/sbin"]

const isExecutable = (file: string): boolean => {
  try {
    fs.accessSync(file, fs.constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The file of a program that goes by one of these names. */
export const findProgram = (from: string, ...names: ReadonlyArray<string>): Effect.Effect<string, PeerMissing> =>
  Effect.suspend(() => {
    const found = names.flatMap((name) => folders.map((folder) => path.join(folder, name))).find(isExecutable)
    return found === undefined
      ? new PeerMissing({ message: `no program ${names.join(" or ")} was there (${from})` })
      : Effect.succeed(found)
  })

/** What a program says of its version: the first number with dots in it. */
export const programVersion = (file: string, ...words: ReadonlyArray<string>): string => {
  let said = ""
  try {
    said = execFileSync(file, words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
  } catch (error) {
    // Some tell their version and call that a failure.
    said = String(error) + (error instanceof Object && "stdout" in error ? String(error.stdout) : "")
  }
  return /\d+\.\d+(\.\d+)?/.exec(said)?.[0] ?? "of unknown version"
}

const Manifest = Schema.parseJson(Schema.Struct({ name: Schema.String, version: Schema.String }))

/** A package of npm as found from a folder. */
export interface FoundModule {
  /** Its own folder. */
  readonly folder: string
  readonly version: string
}

/** Finds a package as a program in the folder would. */
export const findModule = (modules: string, name: string): Effect.Effect<FoundModule, PeerMissing> =>
  Effect.suspend(() => {
    const places = createRequire(path.join(path.resolve(modules), "from.js")).resolve.paths(name) ?? []
    const folder = places.map((place) => path.join(place, name)).find((place) =>
      fs.existsSync(path.join(place, "package.json"))
    )
    if (folder === undefined) {
      return new PeerMissing({
        message: `no package ${name} was there (npm install ${name} somewhere, then --modules)`
      })
    }
    const { version } = Schema.decodeUnknownSync(Manifest)(fs.readFileSync(path.join(folder, "package.json"), "utf8"))
    return Effect.succeed({ folder, version })
  })
