import type { Rolldown } from "tsdown"

/**
 * Writes characters beyond ASCII as escapes: a script with a single one beyond
 * Latin-1 takes two bytes for each of its characters in memory.
 */
export const asciiOnly: Rolldown.Plugin = {
  name: "ascii-only",
  generateBundle(_options, bundle) {
    for (const output of Object.values(bundle)) {
      if (output.type !== "chunk") continue
      output.code = output.code.replace(
        /[^\x00-\x7f]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
      )
    }
  }
}
