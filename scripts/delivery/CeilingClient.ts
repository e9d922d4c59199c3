import { Agent, request } from "node:http"
import { WebSocket } from "ws"
import type { GenericMetric } from "../../src/domain/GenericMetric.js"
import type { JsonObject } from "../../src/domain/Json.js"
import { BATCH } from "../store/BenchData.js"
import { BenchMetrics } from "./BenchMetrics.js"
import { answerWords, cpuSeconds, tell } from "./Talk.js"

// The least that a sender in plain Node can do: write a batch as JSON and send
// it. It keeps nothing and sends nothing again.
// `CeilingClient socket|http|plain <URL>`; `plain` sends arrays of GenericMetric
// over a socket, the others columns, the id of a series being found by the
// identity of its metadata.

const [, , way, url] = process.argv

const window = 8

const metrics = new BenchMetrics()

interface Known {
  readonly id: number
  readonly origin: string
  readonly metricType: string
}

const known = new Map<JsonObject, Known>()

const encodeColumns = (batch: ReadonlyArray<GenericMetric>): string => {
  const series = new Array<number>(batch.length)
  const time = new Array<number>(batch.length)
  const value = new Array<number>(batch.length)
  let define = ""
  let last = 0
  for (let i = 0; i < batch.length; i++) {
    const { metadata, metricType, origin, timestamp = 0, value: own } = batch[i]
    let found = known.get(metadata)
    if (found === undefined || found.origin !== origin || found.metricType !== metricType) {
      found = { id: known.size, origin, metricType }
      known.set(metadata, found)
      define += `${define === "" ? "" : ","}${JSON.stringify({ ...found, tags: metadata })}`
    }
    series[i] = found.id
    time[i] = timestamp - last
    last = timestamp
    value[i] = own
  }
  return `{"define":[${define}],"series":${JSON.stringify(series)},"time":${JSON.stringify(time)},"value":${
    JSON.stringify(value)
  }}`
}

const encodePlain = (batch: ReadonlyArray<GenericMetric>): string =>
  JSON.stringify(batch.map(({ metadata, metricType, origin, timestamp, value }) => ({
    origin,
    metric_type: metricType,
    value,
    timestamp,
    metadata
  })))

const encode = way === "plain" ? encodePlain : encodeColumns

const overSocket = async (): Promise<(batches: number) => Promise<void>> => {
  const ws = new WebSocket(url, { perMessageDeflate: false })
  await new Promise((resolve, reject) => ws.once("open", resolve).once("error", reject))
  return (batches) =>
    new Promise((resolve) => {
      let sent = 0
      let answered = 0
      const send = (): void => {
        while (sent < batches && sent - answered < window) {
          ws.send(encode(metrics.batch()))
          sent++
        }
      }
      const onMessage = (): void => {
        if (++answered < batches) return send()
        ws.off("message", onMessage)
        resolve()
      }
      ws.on("message", onMessage)
      send()
    })
}

// One request at a time, because batches must stay in order; the next is made while the answer is awaited.
const overHttp = (): (batches: number) => Promise<void> => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  return (batches) =>
    new Promise((resolve, reject) => {
      let sent = 0
      let body = encode(metrics.batch())
      const post = (): void => {
        if (sent++ === batches) return resolve()
        const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) }
        request(url, { method: "POST", agent, headers }, (response) => {
          response.resume()
          response.once("end", post)
        }).once("error", reject).end(body)
        body = encode(metrics.batch())
      }
      post()
    })
}

const deliver = way === "http" ? overHttp() : await overSocket()
answerWords(async (_, count) => {
  const cpu = cpuSeconds()
  const before = performance.now()
  await deliver(count / BATCH)
  return { seconds: (performance.now() - before) / 1000, cpu: cpuSeconds() - cpu }
})
tell({ ready: 1 })
