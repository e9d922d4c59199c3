import { Command } from "@effect/cli"
import { Console, Effect, Option, Ref, Schedule } from "effect"
import { MetricsClient } from "../client/MetricsClient.js"
import { cutInside, cutToWidth, displayWidth } from "../domain/DisplayWidth.js"
import { formatAge, formatCompact, formatSize, formatSpan } from "../domain/Units.js"
import { toFailure } from "./CliFailure.js"
import { type CommandHelp, helpOf } from "./Help.js"
import { caOption, connectClient, serverOption, tokenOptions } from "./options/ConnectionOptions.js"
import { seriesOptions, seriesQuestion } from "./options/SeriesOptions.js"
import { followLive } from "./reading/FollowLive.js"
import { nextOrder, TopModel, type TopOrder } from "./reading/TopModel.js"
import { hasScreen, type ScreenLine, takeScreen } from "./terminal/Screen.js"
import { renderTable } from "./terminal/Table.js"

const options = { ...seriesOptions, server: serverOption, ...tokenOptions, caFile: caOption }

/** What stands above the tables. */
export interface TopState {
  readonly server: string
  readonly order: TopOrder
  /** Why the live stream is not there; `undefined` while it is. */
  readonly problem: string | undefined
}

const heading = (table: string): ReadonlyArray<ScreenLine> =>
  table.split("\n").map((text, index) => ({ text, head: index === 0 }))

/** Below so many columns figures are rounded and names cut, so that there is room for tags. */
const narrow = 80

const sendersTable = (model: TopModel, rows: number, width: number): ReadonlyArray<ScreenLine> =>
  heading(renderTable(
    [
      { heading: "SENDER" },
      { heading: "RATE/S", right: true },
      { heading: "WAY" },
      { heading: "RECEIVED", right: true },
      { heading: "REFUSED", right: true },
      { heading: "SEEN", right: true }
    ],
    model.senders(rows).map(({ lastSeen, rate, received, rejected, sender, transport }) => [
      cutToWidth(sender, width < narrow ? 12 : width < 100 ? 16 : 40),
      formatCompact(rate),
      transport === "" ? "gone" : transport,
      formatCompact(received),
      formatCompact(rejected),
      formatAge((model.status?.time ?? 0) - lastSeen)
    ])
  ))

const valueText = (value: number, width: number): string =>
  width < narrow
    ? formatCompact(Number(value.toPrecision(4)))
    : String(Number.isInteger(value) ? value : Number(value.toPrecision(6)))

const seriesTable = (model: TopModel, order: TopOrder, rows: number, width: number): ReadonlyArray<ScreenLine> => {
  const columns = [
    { heading: "RATE/S", right: true },
    { heading: "VALUE", right: true },
    { heading: "ORIGIN" },
    { heading: "METRIC_TYPE" }
  ]
  const series = model.series(order, rows)
  const cells = series.map(({ metricType, origin, rate, value }) => [
    formatCompact(rate),
    valueText(value, width),
    width < narrow ? cutInside(origin, 12) : origin,
    width < narrow ? cutInside(metricType, 18) : metricType
  ])
  const widest = columns.reduce(
    (sum, { heading }, index) =>
      sum + 2 + cells.reduce((most, row) => Math.max(most, displayWidth(row[index])), heading.length),
    0
  )
  return heading(renderTable(
    [...columns, { heading: "TAGS" }],
    // What tells series of one type apart stands rather at the end than at the beginning.
    cells.map((row, index) => [...row, cutInside(series[index].tags, Math.max(12, width - widest))])
  ))
}

/** The picture of `top`, of at most `height` lines; made for `width` columns, beyond which it is to be cut. */
export const renderTop = (
  model: TopModel,
  { order, problem, server }: TopState,
  width: number,
  height: number
): ReadonlyArray<ScreenLine> => {
  const { status } = model
  const lines: Array<ScreenLine> = [
    {
      text: `${server}  ${
        problem !== undefined
          ? `not connected: ${problem}`
          : status === undefined
          ? "connecting"
          : `up ${formatSpan(status.uptimeSeconds * 1000)}, ${formatCompact(status.store.points)} points of ` +
            `${formatCompact(status.store.series)} series, ${formatSize(status.store.bytes)}, commit p99 ` +
            `${status.commits.p99Millis.toFixed(1)} ms`
      }`
    },
    {
      text: `in ${formatCompact(model.rate)}/s, ${model.seriesCount} series seen, by ${order}` +
        (model.missed === 0 ? "" : `, ${model.missed} commits missed`)
    },
    { text: "" }
  ]
  const senders = sendersTable(model, Math.max(1, Math.min(8, Math.floor((height - 6) / 3))), width)
  const series = seriesTable(model, order, Math.max(1, height - lines.length - senders.length - 2), width)
  return [...lines, ...senders, { text: "" }, ...series].slice(0, height)
}

/** `top`: the busiest series and senders of a server. */
export const topCommand = Command.make("top", options, (options) =>
  Effect.gen(function*() {
    const question = yield* seriesQuestion(options, undefined)
    const work = Effect.gen(function*() {
      const client = yield* MetricsClient
      const model = new TopModel()
      const state = yield* Ref.make<TopState>({ server: options.server, order: "rate", problem: undefined })
      const follow = followLive(
        question,
        (event) =>
          Effect.zipRight(
            Effect.sync(() => event._tag === "Dropped" ? model.missed += event.count : model.add(event.metrics)),
            Ref.update(state, (before) => before.problem === undefined ? before : { ...before, problem: undefined })
          ),
        (problem) => Ref.update(state, (before) => ({ ...before, problem }))
      )
      const tick = client.status.pipe(
        Effect.option,
        Effect.map((status) => model.tick(Option.getOrUndefined(status)))
      )

      if (!hasScreen()) {
        yield* Effect.raceFirst(follow, Effect.repeatN(Effect.zipRight(Effect.sleep("1 second"), tick), 1))
        const lines = renderTop(model, yield* Ref.get(state), Infinity, 40)
        return yield* Console.log(lines.map(({ text }) => text).join("\n"))
      }

      yield* client.status
      const screen = yield* takeScreen
      const draw = Effect.gen(function*() {
        const { height, width } = yield* screen.size
        const lines = renderTop(model, yield* Ref.get(state), width, height - 1)
        yield* screen.draw([...lines, { text: "q quit   s sort by rate, name, newest" }])
      })
      const keys = Effect.gen(function*() {
        while (true) {
          const key = yield* screen.keys.take
          if (key === "q" || key === "ctrl-c") return
          if (key !== "s") continue
          yield* Ref.update(state, (before) => ({ ...before, order: nextOrder[before.order] }))
          yield* draw
        }
      })
      yield* draw
      const refresh = Effect.schedule(Effect.zipRight(tick, draw), Schedule.fixed("1 second"))
      yield* Effect.raceAll([Effect.asVoid(follow), Effect.asVoid(refresh), Effect.ignore(keys)])
    })
    yield* Effect.scoped(Effect.provide(work, yield* connectClient(options))).pipe(Effect.mapError(toFailure))
  }))

/** Help of `top`. */
export const topHelp: CommandHelp = helpOf(topCommand, {
  name: "top",
  usage: "[--origin O] [--tag KEY=VALUE] [--server URL] [options]",
  summary: "Watch the busiest series and senders; into a pipe: two seconds of them",
  examples: [
    ["top", "of the server on this machine; q quits, s sorts"],
    ["top --origin system --server http://metrics.example:5000", "host metrics of another one"]
  ]
})
