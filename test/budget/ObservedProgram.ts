import { Effect, Schema, type Scope } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { pathToFileURL } from "node:url"
import { bundleInto } from "../../scripts/Bundle.js"
import { eventually, type Program, ProgramError, start } from "../e2e/Program.js"

const Report = Schema.Struct({
  /** Files of JavaScript that were loaded, as URLs, the observer's own among them. */
  scripts: Schema.Array(Schema.String),
  /** Processes and threads that were started so far. */
  processes: Schema.Number,
  threads: Schema.Number,
  /** How often a timer, a socket or a file called so far. */
  wakes: Schema.Number
})

/** What a program had done when it was asked. */
export type Report = typeof Report.Type

const decode = Schema.decodeUnknownSync(Schema.parseJson(Report))

/** A program that is looked at from within. */
export interface ObservedProgram extends Program {
  /** What it has done so far. */
  readonly report: Effect.Effect<Report, ProgramError>
  /** What it had done when it ended; waits for its end. */
  readonly lastReport: Effect.Effect<Report, ProgramError>
}

/** Starts a program as `start` does, with an observer in it. */
export const observe = (
  words: ReadonlyArray<string>,
  cwd: string,
  script?: string
): Effect.Effect<ObservedProgram, never, Scope.Scope> =>
  Effect.gen(function*() {
    const folder = path.join(cwd, "observer")
    const file = path.join(folder, `${words.join("-").replaceAll(/\W+/g, "-")}.ndjson`)
    yield* Effect.promise(() => bundleInto(folder, ["test/budget/Observer"]))
    const observer = pathToFileURL(path.join(folder, "Observer.mjs")).href
    const program = yield* start(words, {
      cwd,
      env: { NODE_OPTIONS: `--import=${observer}`, OBSERVER_REPORT: file },
      ...(script === undefined ? undefined : { script })
    })
    // What stands behind the last line feed is still being written.
    const reports = Effect.sync((): ReadonlyArray<Report> =>
      fs.existsSync(file) ? fs.readFileSync(file, "utf8").split("\n").slice(0, -1).map((line) => decode(line)) : []
    )
    const reportAfter = (known: number) =>
      eventually(
        Effect.flatMap(reports, (all) =>
          all.length > known
            ? Effect.succeed(all[all.length - 1])
            : Effect.fail(new ProgramError({ message: `${words.join(" ")}: no report of the observer` })))
      )
    return {
      ...program,
      report: Effect.gen(function*() {
        const { length } = yield* reports
        yield* Effect.sync(() => process.kill(program.pid, "SIGUSR2"))
        return yield* reportAfter(length)
      }),
      lastReport: Effect.zipRight(program.ended, reportAfter(0))
    }
  })
