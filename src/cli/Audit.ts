import { Command } from "@effect/cli"
import { Console, Effect } from "effect"
import { MetricsClient } from "../client/MetricsClient.js"
import { printableJson, printableLine } from "../domain/Printable.js"
import { failure, toFailure } from "./CliFailure.js"
import { type CommandHelp, helpOf } from "./Help.js"
import { caOption, connectClient, serverOption, tokenOptions } from "./options/ConnectionOptions.js"
import { dataDirOption } from "./options/DataDirectory.js"
import { existingOutbox, formatOption, ofOutboxError } from "./options/OutboxOptions.js"
import { auditSender, type StreamAudit } from "./reading/AuditReport.js"
import { foldWords } from "./terminal/Fold.js"
import { stdoutWidth } from "./terminal/Stdout.js"
import { renderTable } from "./terminal/Table.js"

const options = {
  server: serverOption,
  ...tokenOptions,
  caFile: caOption,
  dataDir: dataDirOption,
  format: formatOption
}

/** Most losses that a server lists. */
const maxLosses = 100_000

const counts = [
  ["PRODUCED", "produced"],
  ["STORED", "stored"],
  ["PENDING", "pending"],
  ["UNVERIFIED", "unverified"],
  ["DEAD", "deadLettered"],
  ["LOST", "lost"],
  ["MISSING", "missing"]
] as const

const reportText = (sender: string, streams: ReadonlyArray<StreamAudit>, width: number): string => {
  const total = (of: typeof counts[number][1]): number => streams.reduce((sum, stream) => sum + stream[of], 0)
  const prose = (text: string): ReadonlyArray<string> => foldWords([printableLine(text).split(" ")], width)
  const shown = counts.filter(([, of]) => of !== "unverified" || total(of) > 0)
  return [
    ...foldWords([["Sender", printableLine(sender)]], width),
    "",
    renderTable(
      [
        { heading: "STREAM" },
        ...shown.map(([heading]) => ({ heading, right: true })),
        { heading: "RESULT" }
      ],
      [
        ...streams.map((stream) => [
          stream.stream,
          ...shown.map(([, of]) => String(stream[of])),
          stream.differences.length === 0 ? "agrees" : "DIFFERS"
        ]),
        ["all", ...shown.map(([, of]) => String(total(of))), ""]
      ],
      width
    ),
    ...streams.flatMap(({ differences, notes, stream }) => [
      ...differences.flatMap((text) => prose(`${stream}: ${text}`)),
      ...notes.flatMap((text) => prose(`${stream}: note: ${text}`))
    ])
  ].join("\n")
}

/** `audit`: accounts for everything that a sender produced, from both sides. */
export const auditCommand = Command.make("audit", options, (options) =>
  Effect.gen(function*() {
    const { outbox } = yield* existingOutbox(options.dataDir)
    const status = Effect.mapError(outbox.status, ofOutboxError)
    const work = Effect.gen(function*() {
      const client = yield* MetricsClient
      const before = yield* status
      const server = yield* client.statusOf(before.sender)
      const losses = yield* client.losses({ limit: maxLosses, sender: before.sender })
      const after = yield* status
      const deadLetters = yield* Effect.mapError(outbox.deadLetters, ofOutboxError)
      const lossesCut = losses.length === maxLosses
      const streams = auditSender({ before, server, losses, lossesCut, after, deadLetters })
      yield* Console.log(
        options.format === "json"
          ? printableJson({ sender: after.sender, streams })
          : reportText(after.sender, streams, yield* stdoutWidth)
      )
      const different = streams.filter(({ differences }) => differences.length > 0).length
      if (different > 0) return yield* failure(`${different} of ${streams.length} streams differ`)
    })
    yield* Effect.provide(work, yield* connectClient(options)).pipe(Effect.mapError(toFailure))
  }).pipe(Effect.scoped))

/** Help of `audit`. */
export const auditHelp: CommandHelp = helpOf(auditCommand, {
  name: "audit",
  usage: "[--server URL] [--data-dir DIR] [--format table|json]",
  summary: "Prove that all a sender produced is stored, pending, refused or declared lost; exit 1 if not",
  examples: [
    ["audit --server http://metrics.example:5000", "the outbox of this user against that server"]
  ]
})
