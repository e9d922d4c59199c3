import { Args, Command, Options } from "@effect/cli"
import { Console, Effect } from "effect"
import { printableJson } from "../../domain/Printable.js"
import {
  type DeadLetterChoice,
  type DeadLettersMoved,
  discardDeadLetters,
  retryDeadLetters
} from "../../sender/outbox/DeadLetterFile.js"
import { type CliFailure, failure, misuse } from "../CliFailure.js"
import { type CommandHelp, groupHelp, helpOf } from "../Help.js"
import { dataDirOption } from "../options/DataDirectory.js"
import { existingOutbox, formatOption, ofOutboxError } from "../options/OutboxOptions.js"
import { stdoutWidth } from "../terminal/Stdout.js"
import { renderTable } from "../terminal/Table.js"

const choiceOptions = {
  ids: Args.integer({ name: "NUMBER" }).pipe(Args.repeated),
  all: Options.boolean("all").pipe(Options.withDescription("All dead letters")),
  dataDir: dataDirOption
}

const choose = (
  { all, ids }: { readonly all: boolean; readonly ids: ReadonlyArray<number> }
): Effect.Effect<DeadLetterChoice, CliFailure> =>
  all === ids.length > 0
    ? misuse("name dead letters by their numbers (outbox dead-letters list shows them), or give --all")
    : Effect.succeed(all ? "all" : ids)

const listCommand = Command.make(
  "list",
  { dataDir: dataDirOption, format: formatOption },
  (options) =>
    Effect.gen(function*() {
      const { outbox } = yield* existingOutbox(options.dataDir)
      const letters = yield* Effect.mapError(outbox.deadLetters, ofOutboxError)
      if (options.format === "json") {
        if (letters.length === 0) return
        return yield* Console.log(letters.map(printableJson).join("\n"))
      }
      if (letters.length === 0) return yield* Console.error("no dead letters")
      yield* Console.log(renderTable(
        [
          { heading: "NUMBER", right: true },
          { heading: "STREAM" },
          { heading: "OFFSET", right: true },
          { heading: "REASON" },
          { heading: "METRIC" }
        ],
        letters.map(({ id, metric, offset, reason, stream }) => [
          String(id),
          stream.slice(0, 8),
          String(offset),
          reason,
          metric ?? "(could not be read)"
        ]),
        yield* stdoutWidth
      ))
    }).pipe(Effect.scoped)
)

/** Fails where not all that was asked for was done. */
const sayMoved = ({ moved, unknown, unreadable }: DeadLettersMoved, done: string): Effect.Effect<void, CliFailure> =>
  Effect.gen(function*() {
    yield* Console.log(`${moved} dead letters ${done}`)
    if (unreadable.length > 0) {
      yield* Console.error(`these hold no metric that could be sent again, and stay: ${unreadable.join(", ")}`)
    }
    if (unknown.length > 0) return yield* failure(`no dead letter has the number ${unknown.join(", ")}`)
    if (unreadable.length > 0) return yield* failure("not all could be sent again")
  })

const retryCommand = Command.make("retry", choiceOptions, (options) =>
  Effect.gen(function*() {
    const choice = yield* choose(options)
    const { dataDir } = yield* Effect.scoped(existingOutbox(options.dataDir))
    const moved = yield* Effect.mapError(retryDeadLetters(dataDir, choice), ofOutboxError)
    yield* sayMoved(moved, "are pending again; a collector or `outbox drain` delivers them")
  }))

const discardCommand = Command.make("discard", choiceOptions, (options) =>
  Effect.gen(function*() {
    const choice = yield* choose(options)
    const { dataDir } = yield* Effect.scoped(existingOutbox(options.dataDir))
    const moved = yield* Effect.mapError(discardDeadLetters(dataDir, choice), ofOutboxError)
    yield* sayMoved(moved, "are deleted")
  }))

const parts = [
  helpOf(listCommand, {
    name: "outbox dead-letters list",
    usage: "[--data-dir DIR] [--format table|json]",
    summary: "Metrics that the server refused, and why; also while a collector runs",
    examples: [["outbox dead-letters list --format json", "each as JSON on a line"]]
  }),
  helpOf(retryCommand, {
    name: "outbox dead-letters retry",
    usage: "NUMBER... | --all [--data-dir DIR]",
    summary: "Make dead letters pending again; no collector may run meanwhile",
    examples: [["outbox dead-letters retry --all", "after the cause was mended"]]
  }),
  helpOf(discardCommand, {
    name: "outbox dead-letters discard",
    usage: "NUMBER... | --all [--data-dir DIR]",
    summary: "Delete dead letters; no collector may run meanwhile",
    examples: [["outbox dead-letters discard 17", "one that was looked at"]]
  })
]

/** `outbox dead-letters`: metrics that the server refused. */
export const deadLettersCommand = Command.make(
  "dead-letters",
  {},
  () => misuse("outbox dead-letters needs one of list, retry and discard; see outbox dead-letters --help")
).pipe(
  Command.withSubcommands([listCommand, retryCommand, discardCommand])
)

/** Help of `outbox dead-letters`. */
export const deadLettersHelp: CommandHelp = groupHelp(parts, {
  name: "outbox dead-letters",
  usage: "list|retry|discard [options]",
  summary: "Metrics that the server refused: list, retry or discard them",
  examples: [["outbox dead-letters list", "with their numbers and reasons"]]
})
