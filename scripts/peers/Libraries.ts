import { Effect } from "effect"
import * as path from "node:path"
import { startChild } from "../delivery/Child.js"
import type { Measured } from "../delivery/Talk.js"
import { serverStatus, startServer } from "./Agents.js"
import { findModule } from "./Find.js"
import { LIBRARY_SERIES } from "./LibraryWork.js"
import { datagramSocket, get, httpSink } from "./Network.js"
import { type Bench, type Part, type PartOutcome, PeerError } from "./Peer.js"

// Before these the compiler of Node has not seen enough.
const warmUp = 300

const rounds = 1_000

/** Costs of a metric, µs, from what all rounds cost. */
const outcome = ({ cpu, updating }: Measured, bytes: number): PartOutcome => {
  const metrics = rounds * LIBRARY_SERIES
  return {
    values: {
      micros: Number(cpu) * 1e6 / metrics,
      updateMicros: Number(updating) * 1e6 / metrics,
      bytes: bytes / metrics
    }
  }
}

const short = (what: string, got: number, expected: number) =>
  new PeerError({ message: `${what}: ${got} of ${expected} came` })

interface OwnOptions {
  readonly checking: "checked" | "unchecked"
  readonly isDurable: boolean
}

const ownPart = (name: string, title: string, { checking, isDurable }: OwnOptions): Part => ({
  name,
  title,
  measure: (bench) =>
    Effect.gen(function*() {
      const folder = yield* bench.folder
      const { port, url } = yield* startServer(bench, path.join(folder, "server"))
      const child = yield* startChild(
        bench.program("scripts/peers/OwnLibrary"),
        checking,
        `ws://127.0.0.1:${port}/ws/metrics`,
        ...(isDurable ? [path.join(folder, "outbox")] : [])
      )
      yield* child.next
      yield* child.ask(`run ${warmUp}`)
      const before = yield* serverStatus(url)
      const measured = yield* child.ask(`run ${rounds}`)
      const { received, store } = yield* serverStatus(url)
      const expected = (warmUp + rounds) * LIBRARY_SERIES
      if (store.points !== expected) return yield* short(title, store.points, expected)
      return outcome(measured, received.bytes - before.received.bytes)
    })
})

const promClient: Part = {
  name: "prom-client",
  title: "prom-client, asked over HTTP",
  why: "an update is a number written into a map, and when it is asked it writes text; it keeps no copy, stamps no " +
    "time, waits for nobody, and values between two requests are gone",
  measure: (bench) =>
    Effect.gen(function*() {
      const { version } = yield* findModule(bench.modules, "prom-client")
      const child = yield* startChild(bench.program("scripts/peers/PromClientLibrary"), bench.modules)
      const { port } = yield* child.next
      let bytes = 0
      const scrape = Effect.flatMap(get(`http://127.0.0.1:${port}/metrics`), (text) => {
        bytes += text.length
        const values = text.split("\n").filter((line) => line.startsWith("bench_value{")).length
        return values === LIBRARY_SERIES ? Effect.void : short("prom-client", values, LIBRARY_SERIES)
      })
      yield* Effect.repeatN(scrape, warmUp - 1)
      yield* child.ask("begin")
      bytes = 0
      yield* Effect.repeatN(scrape, rounds - 1)
      return { ...outcome(yield* child.ask("end-of-rounds"), bytes), version }
    })
}

const openTelemetry = (name: string, title: string, exporter: string): Part => ({
  name,
  title,
  why: "it keeps the last value of a series, not each, and no copy of what it sends: an export that fails for longer " +
    "than its retries is gone",
  measure: (bench) =>
    Effect.gen(function*() {
      const { version } = yield* findModule(bench.modules, "@opentelemetry/sdk-metrics")
      yield* findModule(bench.modules, exporter)
      const sink = yield* httpSink
      const child = yield* startChild(
        bench.program("scripts/peers/OpenTelemetryLibrary"),
        bench.modules,
        exporter,
        sink.url
      )
      yield* child.next
      yield* child.ask(`run ${warmUp}`)
      sink.requests = 0
      sink.bytes = 0
      const measured = yield* child.ask(`run ${rounds}`)
      if (sink.requests !== rounds) return yield* short(title, sink.requests, rounds)
      return { ...outcome(measured, sink.bytes), version }
    })
})

const statsdClient: Part = {
  name: "hot-shots",
  title: "hot-shots, a client of statsd, over UDP",
  why:
    "it writes a line of text for each value and hands datagrams to the system: no copy on disk, no answer to wait " +
    "for, nothing known of what arrived",
  measure: (bench: Bench) =>
    Effect.gen(function*() {
      const { version } = yield* findModule(bench.modules, "hot-shots")
      const { port, socket } = yield* datagramSocket
      let bytes = 0
      socket.on("message", (datagram) => {
        bytes += datagram.length
      })
      const child = yield* startChild(bench.program("scripts/peers/StatsdLibrary"), bench.modules, String(port))
      yield* child.next
      yield* child.ask(`run ${warmUp}`)
      bytes = 0
      return { ...outcome(yield* child.ask(`run ${rounds}`), bytes), version }
    })
}

/** Libraries that a program measures itself with, this package's first. */
export const libraries: ReadonlyArray<Part> = [
  ownPart("library", "this package, outbox on disk, metrics checked by the sender", {
    checking: "unchecked",
    isDurable: true
  }),
  ownPart("library-checked", "this package, the same, checked by `new GenericMetric` too", {
    checking: "checked",
    isDurable: true
  }),
  ownPart("library-in-memory", "this package, outbox in memory, metrics checked by the sender", {
    checking: "unchecked",
    isDurable: false
  }),
  promClient,
  openTelemetry(
    "opentelemetry-json",
    "OpenTelemetry SDK, OTLP/HTTP as JSON",
    "@opentelemetry/exporter-metrics-otlp-http"
  ),
  openTelemetry(
    "opentelemetry-protobuf",
    "OpenTelemetry SDK, OTLP/HTTP as protobuf",
    "@opentelemetry/exporter-metrics-otlp-proto"
  ),
  statsdClient
]
