import { setTimeout } from "node:timers/promises"
import { answerWords, tell } from "../delivery/Talk.js"
import { labels, LibraryCost, valueOf } from "./LibraryWork.js"
import { loadModule } from "./loadModule.js"

// A client of statsd, as hot-shots is one: `StatsdLibrary <modules> <port>`. It joins values in datagrams of the size
// that goes through most networks.

interface HotShots {
  readonly StatsD: new(options: {
    readonly host: string
    readonly port: number
    readonly maxBufferSize: number
  }) => { readonly gauge: (name: string, value: number, tags: { readonly [name: string]: string }) => void }
}

const isHotShots = (loaded: unknown): loaded is HotShots => (loaded instanceof Object) && "StatsD" in loaded

const [, , modules, port] = process.argv
const { StatsD } = loadModule(modules, "hot-shots", isHotShots)
const client = new StatsD({ host: "127.0.0.1", port: Number(port), maxBufferSize: 1_432 })

let round = 0

const repeat = (times: number, cost: LibraryCost): Promise<void> => {
  if (times === 0) return Promise.resolve()
  round++
  cost.update(() => labels.forEach((own, series) => client.gauge("bench_value", valueOf(series, round), own)))
  // Datagrams go out meanwhile; without a rest they would only pile up.
  return setTimeout(4).then(() => repeat(times - 1, cost))
}

answerWords(async (_, rounds) => {
  const cost = new LibraryCost()
  await repeat(rounds, cost)
  return cost.measured
})
tell({ ready: 1 })
