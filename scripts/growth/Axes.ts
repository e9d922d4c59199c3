import { Effect, Fiber, type Scope } from "effect"
import * as path from "node:path"
import { type Child, startChild } from "../delivery/Child.js"
import { makeGate } from "./Gate.js"

/** What was measured at a step, by name. */
export type StepValues = Readonly<Record<string, number>>

/** What steps are measured with. */
export interface GrowthBench {
  /** How many metrics a step takes, in relation to the whole benchmark. */
  readonly scale: number
  readonly folder: Effect.Effect<string, never, Scope.Scope>
  readonly program: (name: GrowthProgram) => string
}

/** Programs that are bundled for a measurement. */
export const programs = [
  "scripts/delivery/Server",
  "scripts/growth/SendersClient",
  "scripts/growth/GeneratorsClient",
  "scripts/growth/OutboxClient",
  "scripts/growth/PacedClient"
] as const

export type GrowthProgram = typeof programs[number]

/** One thing that grows. */
export interface Axis {
  readonly name: string
  readonly title: string
  /** What grows, as a chart tells it. */
  readonly across: string
  readonly steps: ReadonlyArray<{ readonly at: number; readonly label: string }>
  /** Lines of the chart and columns of the table, by the names of what is measured: CPU-s per million. */
  readonly costs: ReadonlyArray<readonly [name: string, title: string]>
  /** Further columns of the table. */
  readonly more: ReadonlyArray<{
    readonly title: string
    readonly digits: number
    readonly of: (values: StepValues, at: number) => number
  }>
  /** How it was measured. */
  readonly how: string
  /** What makes the difference, where there is one. */
  readonly why: string
  readonly measure: (bench: GrowthBench, at: number) => Effect.Effect<StepValues, never, Scope.Scope>
}

// Before so many the compiler of Node has not seen enough.
const warmUp = 500_000

const startServer = (bench: GrowthBench, folder: string) =>
  Effect.gen(function*() {
    const server = yield* startChild(bench.program("scripts/delivery/Server"), path.join(folder, "store"), "0")
    const { port } = yield* server.next
    return { server, port: Number(port), url: `ws://127.0.0.1:${port}/ws/metrics` }
  })

/** A server, and a client that is ready: a program, with the server's URL and other words. */
const startPair = (
  bench: GrowthBench,
  program: GrowthProgram,
  folder: string,
  ...words: ReadonlyArray<string>
) =>
  Effect.gen(function*() {
    const { port, server, url } = yield* startServer(bench, folder)
    const client = yield* startChild(bench.program(program), url, ...words)
    yield* client.next
    return { client, port, server }
  })

/** Has a client do something, so many times; what a million metrics cost on each side. */
const costOf = (server: Child, client: Child, word: string, count: number, times = 1) =>
  Effect.gen(function*() {
    const before = yield* server.ask("mark")
    let cpu = 0
    let seconds = 0
    for (let i = 0; i < times; i++) {
      const told = yield* client.ask(`${word} ${count}`)
      cpu += Number(told["cpu"])
      seconds += Number(told["seconds"])
    }
    const after = yield* server.ask("mark")
    const millions = count * times / 1e6
    return {
      sender: cpu / millions,
      server: (Number(after["cpu"]) - Number(before["cpu"])) / millions,
      perSecond: count * times / seconds
    }
  })

/** A whole number of thousands, at least one for each of `parts`. */
const scaled = ({ scale }: GrowthBench, count: number, parts = 1): number =>
  Math.max(1, Math.round(count * scale / 1_000 / parts)) * 1_000 * parts

const bothSides = [["sender", "sender"], ["server", "server"]] as const

const rate = { title: "metrics/s", digits: 0, of: ({ perSecond }: StepValues) => perSecond }

const metrics: Axis = {
  name: "metrics",
  title: "How many metrics are sent",
  across: "metrics",
  steps: [1e3, 1e4, 1e5, 1e6, 1e7].map((at) => ({ at, label: `10${"³⁴⁵⁶⁷"[Math.round(Math.log10(at)) - 3]}` })),
  costs: [...bothSides, ["coldSender", "sender, at first"], ["coldServer", "server, at first"]],
  more: [rate],
  how: "One sender, 200 series, outbox and store on disk; the means of up to 100 turns. First after 500,000 metrics, " +
    "then by processes that have just begun",
  why: "few metrics pay for what belongs to a delivery and not to a metric: a commit and a deletion in the outbox, a " +
    "commit in the store, a frame and its answer, about 2 ms on one side and 1 on the other; and in new processes for " +
    "the compiler of Node, which has not seen the code yet, some 40 and 20 ms. Both are fixed sums, paid once: from " +
    "10⁶ on neither shows",
  measure: (bench, at) =>
    Effect.gen(function*() {
      const measureIn = (warm: number, times: number) =>
        Effect.scoped(Effect.gen(function*() {
          const folder = yield* bench.folder
          const words = ["1", "200", path.join(folder, "outbox")]
          const { client, server } = yield* startPair(bench, "scripts/growth/SendersClient", folder, ...words)
          if (warm > 0) yield* client.ask(`deliver ${warm}`)
          return yield* costOf(server, client, "deliver", at, times)
        }))
      const warm = yield* measureIn(warmUp, Math.min(100, Math.ceil(1e6 / at)))
      const cold = yield* measureIn(0, 1)
      return { ...warm, coldSender: cold.sender, coldServer: cold.server }
    })
}

const senders: Axis = {
  name: "senders",
  title: "How many senders deliver to one server",
  across: "senders",
  steps: [1, 10, 100, 1_000].map((at) => ({ at, label: at.toLocaleString("en-US") })),
  costs: bothSides,
  more: [rate],
  how: "2,000,000 metrics of 1,000 series in equal shares, batches of 1,000; each sender with an outbox in memory, a " +
    "stream and a connection of its own, all in one process",
  why: "batches of few senders wait together and are joined in frames of up to 256 KiB; with many senders each comes " +
    "alone, and costs a frame, an answer and the fibers around them, 0.3 ms of the server and 0.5 of the sender. That " +
    "is the most it can be, for a frame holds a batch at least. In a profile no function stands out: a thousand sets of " +
    "state are what the garbage collector walks through, 28 % of the senders' process and 18 % of the server's",
  measure: (bench, at) =>
    Effect.gen(function*() {
      const folder = yield* bench.folder
      const { client, server } = yield* startPair(bench, "scripts/growth/SendersClient", folder, String(at), "1000")
      yield* client.ask(`deliver ${Math.max(warmUp, at * 1_000)}`)
      return yield* costOf(server, client, "deliver", scaled(bench, 2e6, at))
    })
}

const series: Axis = {
  name: "series",
  title: "How many series the metrics belong to",
  across: "series",
  steps: [10, 100, 1e3, 1e4, 1e5].map((at) => ({ at, label: at.toLocaleString("en-US") })),
  costs: bothSides,
  more: [
    { title: "first point of each, sender, CPU-ms", digits: 0, of: ({ firstSender }, at) => firstSender * at / 1_000 },
    { title: "… server, CPU-ms", digits: 0, of: ({ firstServer }, at) => firstServer * at / 1_000 },
    rate
  ],
  how:
    "10,000,000 metrics of one sender, each series in turn, outbox and store on disk; before them a first point of " +
    "each series and 500,000 metrics",
  why:
    "from 1,000 series on each metric of a batch belongs to another one, so that what is kept of a series (its id, its " +
    "head, its place in the dictionary of the sender) is looked up for each metric and no longer stands in the caches " +
    "of the processor, and a chunk holds fewer points, so that more chunks, rollups and rows are written. No function " +
    "stands out in a profile; ten thousand times the series cost two to three times as much, and the store's bound of " +
    "10,000 series a metric type keeps an accident from going further",
  measure: (bench, at) =>
    Effect.gen(function*() {
      const folder = yield* bench.folder
      const words = ["1", String(at), path.join(folder, "outbox")]
      const { client, server } = yield* startPair(bench, "scripts/growth/SendersClient", folder, ...words)
      const first = yield* costOf(server, client, "deliver", at)
      yield* client.ask(`deliver ${warmUp}`)
      const cost = yield* costOf(server, client, "deliver", scaled(bench, 1e7))
      return { ...cost, firstSender: first.sender, firstServer: first.server }
    })
}

const generators: Axis = {
  name: "generators",
  title: "How many generators a pipeline has",
  across: "generators",
  steps: [1, 3, 10, 30, 100].map((at) => ({ at, label: String(at) })),
  costs: [["sender", "pipeline and sender"], ["server", "server"]],
  more: [rate],
  how:
    "3,000,000 metrics of 300 series in ticks of 100, in equal shares, as fast as the pipeline takes them; collector, " +
    "sender with its outbox on disk, and store",
  why: "each is a stream with fibers of its own",
  measure: (bench, at) =>
    Effect.gen(function*() {
      const folder = yield* bench.folder
      const words = [String(at), "300", path.join(folder, "outbox")]
      const { client, server } = yield* startPair(bench, "scripts/growth/GeneratorsClient", folder, ...words)
      yield* client.ask(`deliver ${scaled(bench, 6e5, at)}`)
      return yield* costOf(server, client, "deliver", scaled(bench, 3e6, at))
    })
}

const mebibyte = 2 ** 20

const outbox: Axis = {
  name: "outbox",
  title: "How much waits in the outbox",
  across: "in the outbox before",
  steps: [
    { at: mebibyte, label: "empty" },
    ...[16, 64, 256].map((size) => ({ at: size * mebibyte, label: `${size} MiB` })),
    { at: 2 ** 30, label: "1 GiB" }
  ],
  costs: [["accept", "accepting"], ["sender", "delivering"], ["server", "server"]],
  more: [
    { title: "opened in, s", digits: 2, of: ({ opened }) => opened },
    { title: "RSS when opened, MB", digits: 0, of: ({ openedRss }) => openedRss },
    { title: "RSS while delivering, MB", digits: 0, of: ({ rss }) => rss }
  ],
  how:
    "One sender, 200 series, its server out of reach until so much waits on disk; then 1,000,000 more are accepted, " +
    "and after 3,000,000 further ones and when the server is back, the oldest 3,000,000 are delivered. Both sides have " +
    "delivered 500,000 before. Then another process opens what is left",
  why: "it falls, because who has filled an outbox before has had more of the compiler of Node",
  measure: (bench, at) =>
    Effect.gen(function*() {
      const folder = yield* bench.folder
      const dataDir = path.join(folder, "outbox")
      const { port, server } = yield* startServer(bench, folder)
      const gate = yield* makeGate(port)
      const words = [`ws://127.0.0.1:${gate.port}/ws/metrics`, "200", dataDir]
      const client = yield* startChild(bench.program("scripts/growth/OutboxClient"), ...words)
      yield* client.next
      yield* client.ask(`deliver ${warmUp}`)
      yield* gate.shut
      if (at > mebibyte) yield* client.ask(`fill ${Math.round(at * Math.min(1, bench.scale * 4))}`)
      const accepted = yield* client.ask("accept 1000000")
      yield* client.ask("accept 3000000")
      const reaching = yield* Effect.fork(client.ask("reach"))
      yield* gate.open
      yield* Fiber.join(reaching)
      const before = yield* server.ask("mark")
      // What is under way at the end, the server has had and the sender does not count: a small part of so many.
      const drained = yield* client.ask("drain 3000000")
      const after = yield* server.ask("mark")
      yield* gate.shut
      yield* client.end
      const opening = yield* startChild(bench.program("scripts/growth/OutboxClient"), ...words)
      const { opened, rss } = yield* opening.next
      const millions = Number(drained["delivered"]) / 1e6
      return {
        accept: Number(accepted["cpu"]),
        sender: Number(drained["cpu"]) / millions,
        server: (Number(after["cpu"]) - Number(before["cpu"])) / millions,
        rss: Number(drained["rss"]),
        opened: Number(opened),
        openedRss: Number(rss)
      }
    })
}

/** What grows, in the order of the page. */
export const axes: ReadonlyArray<Axis> = [metrics, senders, series, generators, outbox]

/** A thousand senders at a steady pace, in the results. */
export const thousandName = "thousand"

/** A thousand senders with 100 metrics once a second each. */
export const measureThousand = (bench: GrowthBench): Effect.Effect<StepValues, never, Scope.Scope> =>
  Effect.gen(function*() {
    const folder = yield* bench.folder
    const words = ["1000", "100", "1000"]
    const { client, port, server } = yield* startPair(bench, "scripts/growth/PacedClient", folder, ...words)
    const warm = yield* client.ask("run 5")
    const before = yield* server.ask("mark")
    const told = yield* client.ask(`run ${Math.max(5, Math.round(30 * bench.scale))}`)
    const after = yield* server.ask("mark")
    const answer = yield* Effect.promise(() =>
      fetch(`http://127.0.0.1:${port}/api/status`).then((response): Promise<unknown> => response.json())
    )
    const accepted = Number(told["accepted"])
    const seconds = Number(told["seconds"])
    return {
      accepted,
      lost: Number(warm["accepted"]) + accepted - storedOf(answer),
      p50: Number(told["p50"]),
      p99: Number(told["p99"]),
      most: Number(told["most"]),
      late99: Number(told["late99"]),
      senders: Number(told["cpu"]) / seconds,
      server: (Number(after["cpu"]) - Number(before["cpu"])) / seconds
    }
  })

const storedOf = (status: unknown): number => {
  if (
    status instanceof Object && "store" in status && status.store instanceof Object && "points" in status.store
  ) return Number(status.store.points)
  throw new Error("the server does not tell what it holds")
}
