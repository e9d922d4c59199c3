/**
 * Hours of trouble: the built collector and server as real processes on
 * loopback, behind a proxy that cuts, resets, stalls, swallows and refuses,
 * both killed, stopped and frozen at random, their disks filled up; in the end
 * every number that a producer was told is accepted must be stored once, or
 * declared lost.
 *
 *     npm run soak -- [--minutes 10] [--seed N] [--rate 5000]
 *
 * The seed gives the plan of the faults; the same plan meets other moments each
 * time. Exits 1 on any difference, and keeps data and logs.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Cause, Console, Effect, Option, Random } from "effect"
import { parseArgs } from "node:util"
import { renderTable } from "../src/cli/terminal/Table.js"
import { SoakError } from "./soak/Process.js"
import { type Progress, soak, type SoakReport } from "./soak/Soak.js"

const minutesAndSeconds = (millis: number): string => {
  const seconds = Math.round(millis / 1_000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`
}

// Where no person looks a line now and then is enough.
const silentFor = 10_000

const showProgress = (): (progress: Progress) => void => {
  let shownAt = -Infinity
  return ({ elapsedMillis, faults, phase, produced, stored, told }) => {
    const line = `${minutesAndSeconds(elapsedMillis)} ${phase}: ${produced} produced, ${told} told accepted, ` +
      `${stored} points stored, ${faults} faults`
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line}`)
    else if (elapsedMillis - shownAt >= silentFor) {
      shownAt = elapsedMillis
      process.stderr.write(`${line}\n`)
    }
  }
}

const megabytes = (bytes: number | undefined): string =>
  bytes === undefined ? "unknown" : `${(bytes / 1_048_576).toFixed(0)} MiB`

const counts = ["lives", "produced", "told", "accepted", "stored", "pending", "lost", "doubled", "missing"] as const

const reportText = (report: SoakReport, millis: number): string => {
  const { accounts, connections, differences, drainMillis, faults, kept, omitted, programs, seed } = report
  const byName = (entries: ReadonlyMap<string, number>) =>
    Array.from(entries, ([name, count]) => [name, String(count)]).sort(([a], [b]) => a < b ? -1 : 1)
  const total = (name: typeof counts[number]): number => accounts.reduce((sum, account) => sum + account[name], 0)
  return [
    `Seed ${seed}, ${minutesAndSeconds(millis)} of faults, all delivered ${
      minutesAndSeconds(drainMillis)
    } after the last`,
    "",
    renderTable([{ heading: "FAULT" }, { heading: "TIMES", right: true }], [
      ...byName(faults),
      ["all", String(Array.from(faults.values()).reduce((sum, count) => sum + count, 0))]
    ]),
    ...byName(omitted).map(([name, count]) => `left out ${count} times: ${name}`),
    "",
    renderTable(
      [{ heading: "PRODUCER" }, ...counts.map((name) => ({ heading: name.toUpperCase(), right: true }))],
      [
        ...accounts.map((account) => [account.producer, ...counts.map((name) => String(account[name]))]),
        ["all", ...counts.map((name) => String(total(name)))]
      ]
    ),
    ...accounts.filter(({ unaccepted, uncounted }) => unaccepted + uncounted > 0).map((account) =>
      `${account.producer} declared before acceptance: ${account.unaccepted} metrics, ` +
      `and ${account.uncounted} losses that nobody could count`
    ),
    "",
    renderTable(
      [{ heading: "PROGRAM" }, { heading: "STARTS", right: true }, { heading: "HIGHEST RSS", right: true }],
      programs.map(({ highestResident, role, starts }) => [role, String(starts), megabytes(highestResident)])
    ),
    "",
    `${connections.connections} connections through the proxy, ${connections.sockets} of them WebSockets; ` +
    `at most ${connections.inBusiestSecond} in a second`,
    ...(differences.length === 0
      ? ["Everything that was accepted is stored once or declared lost; audit agrees."]
      : ["", ...differences.map((text) => `DIFFERS: ${text}`)]),
    ...(kept === undefined ? [] : [`Data and logs: ${kept}`])
  ].join("\n")
}

const numberOf = (name: string, text: string | undefined, least: number): Effect.Effect<number, SoakError> => {
  const number = Number(text)
  return text !== undefined && text.trim() !== "" && number >= least && Number.isFinite(number)
    ? Effect.succeed(number)
    : Effect.fail(new SoakError({ message: `--${name}: expected a number from ${least} on, got "${text}"` }))
}

const main = Effect.gen(function*() {
  const { values } = yield* Effect.try({
    try: () =>
      parseArgs({
        options: {
          minutes: { type: "string", default: "10" },
          seed: { type: "string" },
          rate: { type: "string", default: "5000" }
        }
      }),
    catch: (cause) => new SoakError({ message: cause instanceof Error ? cause.message : String(cause) })
  })
  const millis = 60_000 * (yield* numberOf("minutes", values.minutes, 0.1))
  const rate = yield* numberOf("rate", values.rate, 10)
  const seed = values.seed === undefined
    ? yield* Random.nextIntBetween(1, 2 ** 31)
    : yield* numberOf("seed", values.seed, 0)
  yield* Console.error(`soak with seed ${seed}`)
  const report = yield* soak({ seed, millis, rate, onProgress: showProgress() })
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K")
  yield* Console.log(reportText(report, millis))
  if (report.differences.length > 0) {
    return yield* new SoakError({
      message: `${report.differences.length} differences; --seed ${seed} plans this again`
    })
  }
})

main.pipe(
  Effect.tapErrorCause((cause) => {
    if (Cause.isInterruptedOnly(cause)) return Effect.void
    const failure = Cause.failureOption(cause)
    return Console.error(Option.isSome(failure) ? failure.value.message : Cause.pretty(cause))
  }),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
