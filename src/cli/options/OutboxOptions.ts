import { Options } from "@effect/cli"
import { Effect, type Option, type Scope } from "effect"
import type { OutboxError } from "../../sender/Outbox.js"
import { openOutboxFile, type OutboxFile } from "../../sender/outbox/OutboxFile.js"
import { type CliFailure, failure } from "../CliFailure.js"
import { dataDirectory } from "./DataDirectory.js"

/** Form of an answer that people and programs read. */
export const formatOption = Options.choice("format", ["table", "json"]).pipe(
  Options.withDescription("Form of the answer (default table)"),
  Options.withDefault("table")
)

/** Says that another process holds the outbox, in the words of who wanted to change it. */
export const ofOutboxError = (error: OutboxError): CliFailure =>
  error.reason === "Locked"
    ? failure(`${error.message.replace(/ is in use by .*/s, "")}: a collector is running with it; stop it first`)
    : failure(error.message)

/** The outbox of the data directory, opened to look at it; fails when there is none. */
export const existingOutbox = (
  named: Option.Option<string>
): Effect.Effect<{ readonly dataDir: string; readonly outbox: OutboxFile }, CliFailure, Scope.Scope> =>
  Effect.gen(function*() {
    const dataDir = yield* dataDirectory(named)
    const outbox = yield* Effect.mapError(openOutboxFile(dataDir), ofOutboxError)
    if (outbox === undefined) {
      return yield* failure(`there is no outbox in ${dataDir}; --data-dir names another folder`)
    }
    return { dataDir, outbox }
  })
