import * as fs from "node:fs"
import * as path from "node:path"
import type { Rolldown } from "tsdown"

const packageFolder = (moduleId: string): string | undefined =>
  /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(moduleId.split(path.sep).join("/"))?.[0]

const isNamed = (
  value: unknown
): value is { readonly name: string; readonly version: string; readonly license: string } =>
  typeof value === "object" && value !== null && "name" in value && "version" in value && "license" in value

const licenseText = (folder: string): string => {
  const file = fs.readdirSync(folder).find((name) => /^licen[cs]e(?:\.(?:md|txt))?$/i.test(name))
  return file === undefined ? "" : fs.readFileSync(path.join(folder, file), "utf8").trim()
}

const describe = (folder: string): string => {
  const manifest: unknown = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"))
  if (!isNamed(manifest)) throw new Error(`${folder}/package.json names no license: what is bundled must have one`)
  return `${manifest.name} ${manifest.version} (${manifest.license})\n\n${licenseText(folder)}`.trim()
}

/** Writes the licenses of all packages that went into a bundle into one file beside it, as those licenses ask. */
export const thirdPartyLicenses = (fileName: string): Rolldown.Plugin => ({
  name: "third-party-licenses",
  generateBundle(_options, bundle) {
    const folders = new Set<string>()
    for (const output of Object.values(bundle)) {
      if (output.type !== "chunk") continue
      for (const moduleId of output.moduleIds) {
        const folder = packageFolder(moduleId)
        if (folder !== undefined) folders.add(folder)
      }
    }
    const source = [...folders].sort().map(describe).join(`\n\n${"-".repeat(80)}\n\n`)
    this.emitFile({ type: "asset", fileName, source: `${source}\n` })
  }
})
