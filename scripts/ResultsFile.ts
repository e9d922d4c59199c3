import { Schema } from "effect"
import * as fs from "node:fs"

/** What was measured of one part of a benchmark. */
export const PartResult = Schema.Struct({
  /** Command, commit and machine, as `provenance` tells them. */
  provenance: Schema.String,
  /** Of what was measured, where it has one. */
  version: Schema.optional(Schema.String),
  values: Schema.Record({ key: Schema.String, value: Schema.Number })
})
export type PartResult = typeof PartResult.Type

const Results = Schema.parseJson(Schema.Record({ key: Schema.String, value: PartResult }), { space: 2 })

/**
 * Results of the parts of a benchmark by their names, kept in a file: parts may
 * be measured one at a time, at any time, and are put together by whoever reads
 * the file. Without a file they live as long as the process.
 */
export class ResultsFile {
  private readonly parts: Map<string, PartResult>

  constructor(private readonly file: string | undefined) {
    const known = file !== undefined && fs.existsSync(file)
      ? Schema.decodeUnknownSync(Results)(fs.readFileSync(file, "utf8"))
      : {}
    this.parts = new Map(Object.entries(known))
  }

  get(part: string): PartResult | undefined {
    return this.parts.get(part)
  }

  /** Keeps a result in place of an older one of the same part. */
  set(part: string, result: PartResult): void {
    this.parts.set(part, result)
    if (this.file === undefined) return
    fs.writeFileSync(`${this.file}.new`, `${Schema.encodeSync(Results)(Object.fromEntries(this.parts))}\n`)
    fs.renameSync(`${this.file}.new`, this.file)
  }

  /** By what the parts were measured; more than one when they were measured at different commits. */
  get provenances(): ReadonlyArray<string> {
    return Array.from(new Set(Array.from(this.parts.values(), ({ provenance }) => provenance)))
  }
}
