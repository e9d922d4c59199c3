import { Effect, type Scope } from "effect"
import { createSocket } from "node:dgram"
import * as fs from "node:fs"
import { Agent, request } from "node:http"
import { connect } from "node:net"
import * as path from "node:path"
import { startChild } from "../delivery/Child.js"
import { serverStatus, startNetdata, startServer } from "./Agents.js"
import { type Daemon, startDaemon } from "./Daemon.js"
import { findModule, findProgram, programVersion } from "./Find.js"
import { droppedDatagrams, freePort } from "./Network.js"
import { type Bench, type Part, type PartOutcome, PeerError } from "./Peer.js"
import { treeUsage } from "./ProcessTree.js"

const metrics = 2_000_000

// Before so many the compiler of Node has not seen enough.
const warmUp = 500_000

const series = 200

const ofLines = (() => {
  const lines = Array.from({ length: series * 10 }, (_, i) => `bench.value.s${i % series}:${(i * 37 % 10_000) / 100}|g`)
  return (from: number, count: number): string => {
    let text = ""
    for (let i = from; i < from + count; i++) text += `${lines[i % lines.length]}\n`
    return text
  }
})()

/** What a server needs for a million metrics that reached it. */
const outcome = (cpu: number, arrived: number, seconds: number, rss: number): PartOutcome => ({
  values: { cpuPerMillion: cpu / (arrived / 1e6), perSecond: arrived / seconds, lost: 1 - arrived / metrics, rss }
})

/** Measures what a server needs while `send` brings it metrics; `dropped` says how many of them never reached it. */
const measured = <E>(
  usage: Daemon["usage"],
  send: (count: number) => Effect.Effect<unknown, E>,
  dropped: Effect.Effect<number> = Effect.succeed(0)
): Effect.Effect<PartOutcome, E | PeerError> =>
  Effect.gen(function*() {
    yield* send(warmUp)
    yield* Effect.sleep("1 second")
    const droppedBefore = yield* dropped
    const before = yield* usage
    const begun = performance.now()
    yield* send(metrics)
    const seconds = (performance.now() - begun) / 1_000
    // What is left in its buffers and for its next interval belongs to the same metrics.
    yield* Effect.sleep("1500 millis")
    const after = yield* usage
    const arrived = metrics - ((yield* dropped) - droppedBefore)
    return outcome(after.cpu - before.cpu, arrived, seconds, after.rss)
  })

const ownPart = (name: string, title: string, way: "socket" | "plain"): Part => ({
  name,
  title,
  measure: (bench) =>
    Effect.gen(function*() {
      const folder = yield* bench.folder
      const { daemon, port, url } = yield* startServer(bench, path.join(folder, "server"))
      const endpoint = `ws://127.0.0.1:${port}/ws/metrics`
      const sending = yield* way === "socket"
        ? startChild(bench.program("scripts/delivery/Client"), "socket", endpoint, path.join(folder, "outbox"))
        : startChild(bench.program("scripts/delivery/CeilingClient"), "plain", endpoint)
      yield* sending.next
      const measurement = yield* measured(daemon.usage, (count) => sending.ask(`deliver ${count}`))
      const { store } = yield* serverStatus(url)
      if (store.points !== warmUp + metrics) {
        return yield* new PeerError({ message: `${store.points} of ${warmUp + metrics} metrics are stored` })
      }
      return { ...measurement, version: programVersion(process.execPath, bench.executable, "--version") }
    })
})

// Over UDP nothing says when it is too much: at this pace every receiver kept up.
const datagramsPerTick = 20
const tickMillis = 5

// Lines in a datagram of about 1,400 bytes, the most that goes through most networks.
const linesInDatagram = 50

/** Sends values to a port as datagrams, in the form of statsd. */
const sendDatagrams = (port: number) => (count: number): Effect.Effect<void> =>
  Effect.async((resume) => {
    const socket = createSocket("udp4")
    let sent = 0
    const ticking = setInterval(() => {
      for (let i = 0; i < datagramsPerTick && sent < count; i++) {
        socket.send(ofLines(sent, linesInDatagram), port, "127.0.0.1")
        sent += linesInDatagram
      }
      if (sent < count) return
      clearInterval(ticking)
      setTimeout(() => {
        socket.close()
        resume(Effect.void)
      }, 100)
    }, tickMillis)
    return Effect.sync(() => clearInterval(ticking))
  })

/** Writes values to a port over TCP, as fast as they are taken; done when the other side has read them all. */
const sendStream = (port: number) => (count: number): Effect.Effect<void, PeerError> =>
  Effect.async((resume) => {
    const linesInWrite = 1_000
    let sent = 0
    const socket = connect(port, "127.0.0.1")
    const write = (): void => {
      while (sent < count) {
        sent += linesInWrite
        if (!socket.write(ofLines(sent, linesInWrite))) return
      }
      socket.end()
    }
    socket.on("connect", write)
    socket.on("drain", write)
    socket.on("close", () => resume(Effect.void))
    socket.on("error", (error) => resume(new PeerError({ message: `statsd: ${error.message}` })))
    socket.resume()
  })

const statsdWhy = "it keeps the last value of each name until its next flush, in memory, and answers nothing: two " +
  "million values become a few hundred. Nothing is checked but the form of a line, stored, or kept through a restart"

/** The daemon of statsd from npm. Without a backend: what it does with its sums is not counted. */
const statsd = (name: string, title: string, transport: "udp" | "tcp"): Part => ({
  name,
  title,
  why: statsdWhy,
  measure: (bench) =>
    Effect.gen(function*() {
      const { folder: own, version } = yield* findModule(bench.modules, "statsd")
      const folder = yield* bench.folder
      const port = yield* freePort
      const managementPort = yield* freePort
      const file = path.join(folder, "statsd.js")
      yield* Effect.sync(() =>
        fs.writeFileSync(
          file,
          `({ backends: [], flushInterval: 1000, automaticConfigReload: false, mgmt_address: "127.0.0.1",
  mgmt_port: ${managementPort}, servers: [{ server: "./servers/${transport}", address: "127.0.0.1", port: ${port} }] })\n`
        )
      )
      const daemon = yield* startDaemon(process.execPath, path.join(own, "stats.js"), file)
      yield* daemon.says(/server is up|is up/i)
      const { values } = yield* transport === "tcp"
        ? measured(daemon.usage, sendStream(port))
        : measured(
          daemon.usage,
          sendDatagrams(port),
          Effect.sync(() => droppedDatagrams(port) * linesInDatagram)
        )
      return { version, values }
    })
})

const collectd: Part = {
  name: "ingest-collectd",
  title: "collectd's statsd plugin, UDP",
  why: `C; ${statsdWhy}`,
  measure: (bench) =>
    Effect.gen(function*() {
      const program = yield* findProgram("Debian's collectd-core", "collectd")
      const folder = yield* bench.folder
      const port = yield* freePort
      const file = path.join(folder, "collectd.conf")
      yield* Effect.sync(() =>
        fs.writeFileSync(
          file,
          `BaseDir "${folder}"\nPIDFile "${folder}/pid"\nHostname "bench"\nFQDNLookup false\nInterval 1\n` +
            `LoadPlugin csv\nLoadPlugin statsd\n` +
            `<Plugin csv>\n DataDir "${folder}/csv"\n</Plugin>\n` +
            `<Plugin statsd>\n Host "127.0.0.1"\n Port "${port}"\n</Plugin>\n`
        )
      )
      const daemon = yield* startDaemon(program, "-f", "-C", file)
      yield* daemon.says(/entering read-loop/)
      const { values } = yield* measured(
        daemon.usage,
        sendDatagrams(port),
        Effect.sync(() => droppedDatagrams(port) * linesInDatagram)
      )
      return { values, version: programVersion(program, "-h") }
    })
}

const netdata: Part = {
  name: "ingest-netdata",
  title: "netdata's statsd, UDP",
  why: `C; ${statsdWhy}`,
  measure: (bench) =>
    Effect.gen(function*() {
      const port = yield* freePort
      const { daemon, version } = yield* startNetdata(bench, [
        "[db]",
        "  mode = ram",
        "[health]",
        "  enabled = no",
        "[ml]",
        "  enabled = no",
        "[statsd]",
        "  enabled = yes",
        `  default port = ${port}`,
        "  bind to = udp:127.0.0.1",
        "[plugins]",
        "  statsd = yes",
        ...["proc", "diskspace", "cgroups", "timex", "idlejitter", "tc", "enable running new plugins", "apps"].map(
          (name) => `  ${name} = no`
        )
      ])
      const { values } = yield* measured(
        daemon.usage,
        sendDatagrams(port),
        Effect.sync(() => droppedDatagrams(port) * linesInDatagram)
      )
      return { values, version }
    })
}

const pointsInBody = 1_000

const otlpBodies: ReadonlyArray<string> = Array.from({ length: 20 }, (_, body) =>
  JSON.stringify({
    resourceMetrics: [{
      resource: { attributes: [{ key: "service.name", value: { stringValue: "bench" } }] },
      scopeMetrics: [{
        scope: { name: "bench" },
        metrics: [{
          name: "bench_value",
          gauge: {
            dataPoints: Array.from({ length: pointsInBody }, (_, i) => ({
              attributes: [{ key: "series", value: { stringValue: `s${i % series}` } }],
              timeUnixNano: String(1_763_942_400_000_000_000n + BigInt(body * pointsInBody + i) * 1_000_000n),
              asDouble: (i * 37 % 10_000) / 100
            }))
          }
        }]
      }]
    }]
  }))

/** Posts points as OTLP in JSON, one request at a time. */
const postOtlp = (url: string): Effect.Effect<(count: number) => Effect.Effect<void, PeerError>, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Agent({ keepAlive: true, maxSockets: 1 })),
      (agent) => Effect.sync(() => agent.destroy())
    ),
    (agent) => (count) =>
      Effect.async((resume) => {
        let sent = 0
        const fail = (message: string): void => resume(new PeerError({ message: `${url}: ${message}` }))
        const post = (): void => {
          if (sent >= count) return resume(Effect.void)
          const body = otlpBodies[(sent / pointsInBody) % otlpBodies.length]
          sent += pointsInBody
          const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) }
          request(url, { method: "POST", agent, headers }, (response) => {
            response.resume()
            if (response.statusCode !== 200) return fail(String(response.statusCode))
            response.once("end", post)
          }).once("error", (error) => fail(error.message)).end(body)
        }
        post()
      })
  )

const otlpFloor: Part = {
  name: "ingest-otlp-floor",
  title: "OTLP as JSON, parsed in plain Node.js and thrown away",
  why: "it is no receiver: it parses, counts and forgets. One that checks, stores or passes on needs more",
  measure: (bench) =>
    Effect.gen(function*() {
      const child = yield* startChild(bench.program("scripts/peers/OtlpFloor"))
      const { pid, port } = yield* child.next
      const send = yield* postOtlp(`http://127.0.0.1:${port}/v1/metrics`)
      const outcome = yield* measured(Effect.sync(() => treeUsage(Number(pid))), send)
      const { points } = yield* child.ask("count")
      return points === warmUp + metrics
        ? outcome
        : yield* new PeerError({ message: `${points} of ${warmUp + metrics} points came` })
    })
}

const otlpCollector: Part = {
  name: "ingest-otlp-collector",
  title: "OpenTelemetry Collector, OTLP as JSON, thrown away",
  why: "Go, compiled; it passes on from memory, here to nowhere",
  measure: (bench: Bench) =>
    Effect.gen(function*() {
      const program = yield* findProgram("a receiver of OTLP", "otelcol", "otelcol-contrib")
      const folder = yield* bench.folder
      const port = yield* freePort
      const file = path.join(folder, "otelcol.yaml")
      const pipeline = "{ receivers: [otlp], exporters: [debug] }"
      yield* Effect.sync(() =>
        fs.writeFileSync(
          file,
          `receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:${port}" } } } }\n` +
            "exporters: { debug: { verbosity: basic, sampling_initial: 1, sampling_thereafter: 1000000 } }\n" +
            `service: { telemetry: { metrics: { level: none } }, pipelines: { metrics: ${pipeline} } }\n`
        )
      )
      const daemon = yield* startDaemon(program, "--config", file)
      yield* daemon.says(/Everything is ready/)
      const { values } = yield* measured(daemon.usage, yield* postOtlp(`http://127.0.0.1:${port}/v1/metrics`))
      return { values, version: programVersion(program, "--version") }
    })
}

/** Servers that take metrics, this package's first. */
export const ingests: ReadonlyArray<Part> = [
  ownPart("ingest", "this package, `serve`: batches over a WebSocket, stored", "socket"),
  ownPart("ingest-plain", "this package, `serve`: plain JSON over a WebSocket, stored", "plain"),
  statsd("ingest-statsd-udp", "statsd, UDP", "udp"),
  statsd("ingest-statsd-tcp", "statsd, TCP", "tcp"),
  collectd,
  netdata,
  otlpFloor,
  otlpCollector
]
