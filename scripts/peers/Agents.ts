import { Effect, Schedule, Schema, type Scope } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { type Daemon, startDaemon } from "./Daemon.js"
import { findProgram, programVersion } from "./Find.js"
import { datagramSocket, freePort, get, getSoon } from "./Network.js"
import type { Bench, Part, PartOutcome, PeerError } from "./Peer.js"

// Starting, and the first samples, are not what goes on for months.
const settling = 10

// By then the compiler of Node has seen most of what it will see: what comes after goes on for months.
const longSettling = 600

/**
 * Watches an agent for the time of the benchmark, after so many seconds for its
 * start; `count` says how many values it has given so far.
 */
const watch = (
  { seconds }: Bench,
  agent: Daemon,
  count: Effect.Effect<number, PeerError>,
  after = settling
): Effect.Effect<PartOutcome, PeerError> =>
  Effect.gen(function*() {
    yield* Effect.sleep(after * 1_000)
    const countBefore = yield* count
    const before = yield* agent.usage
    const begun = performance.now()
    yield* Effect.sleep(seconds * 1_000)
    const used = yield* agent.usage
    const watched = (performance.now() - begun) / 1_000
    return {
      values: {
        seconds: watched,
        cpu: used.cpu - before.cpu,
        rss: used.rss,
        processes: used.processes,
        // A process has dozens of page faults before it does anything.
        startsOthers: used.endedFaults > before.endedFaults ? 1 : 0,
        metrics: (yield* count) - countBefore
      }
    }
  })

const Status = Schema.parseJson(Schema.Struct({
  received: Schema.Struct({ bytes: Schema.Number }),
  store: Schema.Struct({ points: Schema.Number })
}))

/** What a server of this package has received and stored. */
export const serverStatus = (url: string): Effect.Effect<typeof Status.Type, PeerError> =>
  Effect.map(get(`${url}/api/status`), Schema.decodeUnknownSync(Status))

const storedPoints = (url: string): Effect.Effect<number, PeerError> =>
  Effect.map(serverStatus(url), ({ store }) => store.points)

/** Starts the server of this package; answers where it listens. */
export const startServer = (
  { executable }: Bench,
  dataDir: string
): Effect.Effect<{ readonly daemon: Daemon; readonly port: string; readonly url: string }, PeerError, Scope.Scope> =>
  Effect.gen(function*() {
    const daemon = yield* startDaemon(process.execPath, executable, "serve", "--port", "0", "--data-dir", dataDir)
    const port = yield* daemon.says(/listening on http:\/\/[\w.]+:(\d+)/)
    return { daemon, port, url: `http://127.0.0.1:${port}` }
  })

const ownVersion = ({ executable }: Bench): string => programVersion(process.execPath, executable, "--version")

const ownPart = (name: string, title: string, settling: number): Part => ({
  name,
  title,
  measure: (bench) =>
    Effect.gen(function*() {
      const folder = yield* bench.folder
      const server = yield* startServer(bench, path.join(folder, "server"))
      const agent = yield* startDaemon(
        process.execPath,
        bench.executable,
        "run",
        "--system",
        "--endpoint",
        `ws://127.0.0.1:${server.port}/ws/metrics`,
        "--data-dir",
        path.join(folder, "outbox")
      )
      const serverBefore = yield* Effect.fork(Effect.delay(server.daemon.usage, settling * 1_000))
      const { values } = yield* watch(bench, agent, storedPoints(server.url), settling)
      const before = yield* serverBefore
      const after = yield* server.daemon.usage
      return {
        version: ownVersion(bench),
        values: { ...values, serverCpu: after.cpu - before.cpu, serverRss: after.rss }
      }
    })
})

const ownWhole: Part = {
  name: "up",
  title: "this package, `up`: agent, server, store and dashboard in one",
  measure: (bench) =>
    Effect.gen(function*() {
      const folder = yield* bench.folder
      const port = yield* freePort
      const agent = yield* startDaemon(
        process.execPath,
        bench.executable,
        "up",
        "--port",
        String(port),
        "--data-dir",
        folder
      )
      const url = `http://127.0.0.1:${port}`
      yield* getSoon(`${url}/readyz`)
      return { ...yield* watch(bench, agent, storedPoints(url)), version: ownVersion(bench) }
    })
}

const idleNode: Part = {
  name: "node",
  title: "Node.js with a timer of 1 s that does nothing",
  measure: (bench) =>
    Effect.gen(function*() {
      const agent = yield* startDaemon(process.execPath, "-e", "setInterval(() => {}, 1000)")
      return { ...yield* watch(bench, agent, Effect.succeed(0)), version: process.version }
    })
}

/** Values in a datagram of collectd: parts of a type, a length and a body; those of type 6 begin with their number. */
const collectdValues = (datagram: Buffer): number => {
  let values = 0
  for (let at = 0; at + 4 <= datagram.length;) {
    const length = datagram.readUInt16BE(at + 2)
    if (length < 4) break
    if (datagram.readUInt16BE(at) === 6) values += datagram.readUInt16BE(at + 4)
    at += length
  }
  return values
}

const collectd: Part = {
  name: "collectd",
  title: "collectd",
  why: "C, without a runtime, a heap to clean or a disk to wait for: it packs a few values in a datagram, sends it " +
    "and forgets it. What is lost on the way is lost, and nobody knows",
  measure: (bench) =>
    Effect.gen(function*() {
      const program = yield* findProgram("Debian's collectd-core", "collectd")
      const folder = yield* bench.folder
      const { port, socket } = yield* datagramSocket
      let values = 0
      socket.on("message", (datagram) => {
        values += collectdValues(datagram)
      })
      const plugins = "cpu load memory swap vmem disk df interface processes uptime contextswitch irq fhcount network"
      const file = path.join(folder, "collectd.conf")
      yield* Effect.sync(() =>
        fs.writeFileSync(
          file,
          [
            `BaseDir "${folder}"`,
            `PIDFile "${folder}/pid"`,
            "Hostname \"bench\"",
            "FQDNLookup false",
            "Interval 1",
            ...plugins.split(" ").map((plugin) => `LoadPlugin ${plugin}`),
            "<Plugin cpu>\n ReportByCpu true\n ReportByState true\n ValuesPercentage true\n</Plugin>",
            `<Plugin network>\n Server "127.0.0.1" "${port}"\n</Plugin>\n`
          ].join("\n")
        )
      )
      const agent = yield* startDaemon(program, "-f", "-C", file)
      return { ...yield* watch(bench, agent, Effect.sync(() => values)), version: programVersion(program, "-h") }
    })
}

const collectors = "cpu loadavg meminfo vmstat filesystem diskstats netdev filefd stat pressure thermal_zone time"

const nodeExporter: Part = {
  name: "node_exporter",
  title: "node_exporter, asked each second",
  why: "Go, compiled; it keeps and sends nothing, and between two requests it does not run at all. What is not " +
    "fetched in time was never measured, and who fetches, stores and repeats is not counted here",
  measure: (bench) =>
    Effect.gen(function*() {
      const program = yield* findProgram(
        "Debian's prometheus-node-exporter",
        "prometheus-node-exporter",
        "node_exporter"
      )
      const port = yield* freePort
      const url = `http://127.0.0.1:${port}/metrics`
      const agent = yield* startDaemon(
        program,
        `--web.listen-address=127.0.0.1:${port}`,
        "--log.level=error",
        "--web.disable-exporter-metrics",
        "--collector.disable-defaults",
        ...collectors.split(" ").map((name) => `--collector.${name}`)
      )
      yield* getSoon(url)
      let values = 0
      const scrape = Effect.map(get(url), (text) => {
        values += text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length
      })
      yield* Effect.forkScoped(Effect.repeat(scrape, Schedule.fixed("1 second")))
      return { ...yield* watch(bench, agent, Effect.sync(() => values)), version: programVersion(program, "--version") }
    })
}

const Charts = Schema.parseJson(Schema.Struct({
  charts: Schema.Record({
    key: Schema.String,
    value: Schema.Struct({
      update_every: Schema.Number,
      dimensions: Schema.Record({ key: Schema.String, value: Schema.Unknown })
    })
  })
}))

/** Where everything that netdata writes goes, and what would send data elsewhere or not serve here. */
const netdataFolders = (folder: string, port: number): ReadonlyArray<string> => [
  "[global]",
  `  run as user = ${process.getuid?.() === 0 ? "root" : process.env["USER"] ?? "nobody"}`,
  "  hostname = bench",
  "[directories]",
  `  config = ${folder}`,
  ...["cache", "lib", "log", "registry"].map((name) => `  ${name} = ${path.join(folder, name)}`),
  "[logs]",
  "  access = none",
  "  debug = none",
  "[web]",
  "  bind to = 127.0.0.1",
  `  default port = ${port}`
]

const likeScope: ReadonlyArray<string> = [
  "[db]",
  "  mode = ram",
  "  retention = 3600",
  "[health]",
  "  enabled = no",
  "[ml]",
  "  enabled = no",
  "[statsd]",
  "  enabled = no",
  "[plugins]",
  ...[
    "timex",
    "idlejitter",
    "checks",
    "tc",
    "cgroups",
    "statsd",
    "slabinfo",
    "netdata monitoring",
    "enable running new plugins",
    "apps",
    "charts.d",
    "go.d",
    "python.d",
    "fping",
    "ioping",
    "nfacct",
    "perf",
    "cups",
    "ebpf"
  ].map((name) => `  ${name} = no`),
  "[plugin:proc]",
  ...[
    "/proc/interrupts",
    "/proc/softirqs",
    "/proc/net/netstat",
    "/proc/net/sockstat",
    "/proc/net/sockstat6",
    "/proc/net/softnet_stat",
    "/proc/net/stat/conntrack",
    "/proc/sys/kernel/random/entropy_avail",
    "/sys/block/zram",
    "ipc"
  ].map((name) => `  ${name} = no`)
]

/** Starts netdata with a configuration of its own; answers where it listens. */
export const startNetdata = (bench: Bench, more: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const program = yield* findProgram("Debian's netdata-core", "netdata")
    const folder = yield* bench.folder
    const port = yield* freePort
    const file = path.join(folder, "netdata.conf")
    yield* Effect.sync(() => {
      for (const name of ["cache", "lib", "log", "registry"]) fs.mkdirSync(path.join(folder, name))
      fs.writeFileSync(file, [...netdataFolders(folder, port), ...more, ""].join("\n"))
    })
    const daemon = yield* startDaemon(program, "-D", "-c", file)
    const url = `http://127.0.0.1:${port}/api/v1/charts`
    yield* getSoon(url)
    return { daemon, url, version: programVersion(program, "-V") }
  })

const watchNetdata = (bench: Bench, more: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const { daemon, url, version } = yield* startNetdata(bench, more)
    const { values } = yield* watch(bench, daemon, Effect.succeed(0))
    const { charts } = Schema.decodeUnknownSync(Charts)(yield* get(url))
    let perSecond = 0
    for (const { dimensions, update_every } of Object.values(charts)) {
      perSecond += Object.keys(dimensions).length / update_every
    }
    return { version, values: { ...values, metrics: perSecond * values["seconds"] } }
  })

const netdataScope: Part = {
  name: "netdata",
  title: "netdata, the same scope, store in memory",
  why: "C, compiled; what it collects stays in its own memory, and nothing is sent or waits for a disk",
  measure: (bench) => watchNetdata(bench, likeScope)
}

const netdataWhole: Part = {
  name: "netdata-as-installed",
  title: "netdata as installed: store, dashboard, alarms, processes",
  measure: (bench) => watchNetdata(bench, [])
}

/** Agents that watch this host each second, this package's first. */
export const agents: ReadonlyArray<Part> = [
  ownPart("agent", `this package, \`run --system\`, after ${longSettling / 60} minutes`, longSettling),
  ownPart("agent-start", `this package, the same, after ${settling} s`, settling),
  ownWhole,
  idleNode,
  collectd,
  nodeExporter,
  netdataScope,
  netdataWhole
]
