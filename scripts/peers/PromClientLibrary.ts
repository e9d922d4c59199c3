import { createServer } from "node:http"
import { answerWords, tell } from "../delivery/Talk.js"
import { labels, LibraryCost, valueOf } from "./LibraryWork.js"
import { loadModule } from "./loadModule.js"

// prom-client as a program uses it that is asked each interval: `PromClientLibrary <modules>`.
// Every request updates all series before it is answered, so that each round is measured alone.

interface PromClient {
  readonly Gauge: new(options: {
    readonly name: string
    readonly help: string
    readonly labelNames: ReadonlyArray<string>
  }) => { readonly set: (labels: { readonly [name: string]: string }, value: number) => void }
  readonly register: { readonly metrics: () => Promise<string> }
}

const isPromClient = (loaded: unknown): loaded is PromClient =>
  loaded instanceof Object && "Gauge" in loaded && "register" in loaded

const { Gauge, register } = loadModule(process.argv[2], "prom-client", isPromClient)
const gauge = new Gauge({ name: "bench_value", help: "A value", labelNames: ["series", "group"] })

let cost = new LibraryCost()
let round = 0

const server = createServer((_, response) => {
  round++
  cost.update(() => labels.forEach((own, i) => gauge.set(own, valueOf(i, round))))
  register.metrics().then(
    (text) => response.end(text),
    (error: unknown) => response.writeHead(500).end(String(error))
  )
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  tell({ port: address instanceof Object ? address.port : 0 })
})
answerWords((word) => {
  const { measured } = cost
  if (word === "begin") cost = new LibraryCost()
  return Promise.resolve(measured)
})
