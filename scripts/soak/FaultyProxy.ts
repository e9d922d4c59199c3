import { Effect, type Scope } from "effect"
import * as net from "node:net"
import type { Direction, NetworkFault } from "./Plan.js"

/** A TCP proxy on loopback between collectors and a server, which can be told to misbehave. */
export interface FaultyProxy {
  readonly port: number
  /** Where new connections go; without a port they are reset. */
  readonly forwardTo: (port: number | undefined) => void
  /** Lets the fault happen, and ends when it is over. */
  readonly suffer: (fault: NetworkFault) => Effect.Effect<void>
  readonly counts: () => ConnectionCounts
}

/** How often a proxy was connected to. */
export interface ConnectionCounts {
  readonly connections: number
  /** Those for a WebSocket that went through. */
  readonly sockets: number
  /** Connections of the second that had the most. */
  readonly inBusiestSecond: number
}

/** Faults that last and act on every connection there is and comes. */
interface Weather {
  readonly stalled: { up: number; down: number }
  readonly swallowed: { up: number; down: number }
  /** Bytes per second that each connection may carry in a direction. */
  readonly rates: Set<number>
  readonly delays: Set<{ readonly millis: number }>
  rejecting: number
  refusingSockets: number
}

/** Most bytes that wait in the proxy, for each direction of a connection. */
const maxQueued = 256 * 1024

/** How often what is stalled, slow or delayed is looked at again, ms. */
const tick = 10

const destroyBoth = (one: net.Socket, other: net.Socket, reset: boolean): void => {
  for (const socket of [one, other]) {
    if (reset) socket.resetAndDestroy()
    else socket.destroy()
  }
}

/** What flows in one direction of a connection. */
class Flow {
  private readonly queue: Array<{ bytes: Buffer; readonly due: number }> = []
  private queued = 0
  private ending = false
  private waiting: NodeJS.Timeout | undefined
  private allowance = 0
  private allowedAt = performance.now()
  /** Bytes until the connection is reset. */
  resetAfter = Infinity
  /** The other side is not told that this one went away. */
  silent = false

  constructor(
    private readonly from: net.Socket,
    private readonly to: net.Socket,
    private readonly direction: Direction,
    private readonly weather: Weather
  ) {
    from.on("data", (bytes: Buffer) => this.take(bytes))
    from.on("end", () => {
      this.ending = true
      this.pump()
    })
    to.on("drain", () => this.pump())
  }

  stop(): void {
    clearTimeout(this.waiting)
    this.queue.length = 0
  }

  pump(): void {
    clearTimeout(this.waiting)
    this.waiting = undefined
    if (this.to.destroyed) return
    const now = performance.now()
    const rate = Math.min(Infinity, ...this.weather.rates)
    this.allowance = rate === Infinity
      ? Infinity
      : Math.min(rate / 4, this.allowance + rate * (now - this.allowedAt) / 1_000)
    this.allowedAt = now
    while (this.queue.length > 0) {
      const [first] = this.queue
      if (this.weather.stalled[this.direction] > 0 || first.due > now || this.allowance < 1) return this.again()
      if (this.to.writableNeedDrain) return
      const part = first.bytes.subarray(0, Math.floor(Math.min(first.bytes.length, this.allowance)))
      if (part.length === first.bytes.length) this.queue.shift()
      else first.bytes = first.bytes.subarray(part.length)
      this.queued -= part.length
      if (rate < Infinity) this.allowance -= part.length
      if (!this.carry(part)) return
    }
    if (this.queued < maxQueued) this.from.resume()
    if (this.ending && !this.silent) this.to.end()
  }

  private take(bytes: Buffer): void {
    if (this.silent || this.weather.swallowed[this.direction] > 0) return
    const delay = Math.max(0, ...Array.from(this.weather.delays, ({ millis }) => millis))
    this.queue.push({ bytes, due: performance.now() + delay })
    this.queued += bytes.length
    if (this.queued >= maxQueued) this.from.pause()
    this.pump()
  }

  private carry(part: Buffer): boolean {
    if (part.length < this.resetAfter) {
      this.resetAfter -= part.length
      this.to.write(part)
      return true
    }
    this.to.write(part.subarray(0, this.resetAfter), () => destroyBoth(this.from, this.to, true))
    return false
  }

  private again(): void {
    this.waiting = setTimeout(() => this.pump(), tick)
  }
}

/** A connection through the proxy. */
class Link {
  readonly up: Flow
  readonly down: Flow

  constructor(
    readonly collector: net.Socket,
    readonly server: net.Socket,
    weather: Weather,
    onClosed: () => void
  ) {
    this.up = new Flow(collector, server, "up", weather)
    this.down = new Flow(server, collector, "down", weather)
    for (const [socket, other, flow] of [[collector, server, this.up], [server, collector, this.down]] as const) {
      socket.on("error", () => {})
      socket.on("close", (failed) => {
        // An orderly end is passed on behind what is still queued.
        if (failed && !flow.silent) other.resetAndDestroy()
        if (!collector.destroyed || !server.destroyed) return
        this.up.stop()
        this.down.stop()
        onClosed()
      })
    }
  }

  end(reset: boolean): void {
    destroyBoth(this.collector, this.server, reset)
  }

  /** Ends one side without a word to the other. */
  leave(gone: "server" | "collector"): void {
    this.up.silent = true
    this.down.silent = true
    this[gone].destroy()
  }
}

/** Whether the head of a connection asks for a WebSocket; `undefined` until the head is complete. */
const asksForSocket = (head: string): boolean | undefined =>
  head.includes("\r\n\r\n") ? /^upgrade: *websocket/im.test(head) : undefined

const serviceUnavailable = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

/** Longest head of a request that is looked at, bytes. */
const maxHead = 16_384

class Proxy {
  readonly links = new Set<Link>()
  readonly weather: Weather = {
    stalled: { up: 0, down: 0 },
    swallowed: { up: 0, down: 0 },
    rates: new Set(),
    delays: new Set(),
    rejecting: 0,
    refusingSockets: 0
  }
  target: number | undefined
  connections = 0
  sockets = 0
  inBusiestSecond = 0
  private thisSecond = { second: 0, connections: 0 }
  private refusing = 0
  port = 0
  private readonly listener = net.createServer({ allowHalfOpen: true }, (socket) => this.accept(socket))

  /** Listens below the ports that systems give away, so that nobody takes the port while it is refused. */
  listen(): Promise<void> {
    return new Promise((resolve) => {
      const attempt = () => {
        this.port = 20_000 + Math.floor(Math.random() * 10_000)
        this.listener.listen(this.port, "127.0.0.1")
      }
      const again = () => attempt()
      this.listener.on("error", again)
      this.listener.once("listening", () => {
        this.listener.off("error", again)
        this.listener.on("error", () => this.listenAgain())
        resolve()
      })
      attempt()
    })
  }

  close(): void {
    this.refusing = Infinity
    this.listener.close()
    this.endAll(true)
  }

  endAll(reset: boolean): void {
    for (const link of this.links) link.end(reset)
  }

  refuse(begin: boolean): void {
    this.refusing += begin ? 1 : -1
    if (begin && this.refusing === 1) this.listener.close()
    if (!begin && this.refusing === 0) this.listenAgain()
  }

  private listenAgain(): void {
    setTimeout(() => {
      if (this.refusing === 0 && !this.listener.listening) this.listener.listen(this.port, "127.0.0.1")
    }, tick)
  }

  private count(): void {
    this.connections++
    const second = Math.floor(performance.now() / 1_000)
    if (second !== this.thisSecond.second) this.thisSecond = { second, connections: 0 }
    this.thisSecond.connections++
    this.inBusiestSecond = Math.max(this.inBusiestSecond, this.thisSecond.connections)
  }

  private accept(collector: net.Socket): void {
    this.count()
    collector.on("error", () => {})
    if (this.weather.rejecting > 0 || this.target === undefined) {
      collector.resetAndDestroy()
      return
    }
    const server = net.connect({ host: "127.0.0.1", port: this.target, allowHalfOpen: true })
    collector.setNoDelay(true)
    server.setNoDelay(true)
    let head = ""
    const look = (bytes: Buffer): void => {
      head += bytes.toString("latin1")
      const socket = asksForSocket(head)
      if (socket === undefined && head.length < maxHead) return
      collector.off("data", look)
      if (socket !== true) return
      if (this.weather.refusingSockets === 0) this.sockets++
      else {
        link.leave("server")
        collector.end(serviceUnavailable)
      }
    }
    // Before the flow takes it: what is refused must not reach the server.
    collector.on("data", look)
    const link = new Link(collector, server, this.weather, () => this.links.delete(link))
    this.links.add(link)
  }
}

const during = (millis: number, begin: () => void, end: () => void): Effect.Effect<void> =>
  Effect.acquireUseRelease(Effect.sync(begin), () => Effect.sleep(millis), () => Effect.sync(end))

const suffer = (proxy: Proxy, fault: NetworkFault): Effect.Effect<void> => {
  const { links, weather } = proxy
  switch (fault.kind) {
    case "reset":
    case "cut":
      return Effect.sync(() => proxy.endAll(fault.kind === "reset"))
    case "reset-after": {
      const arm = (bytes: number) => {
        for (const link of links) link[fault.direction].resetAfter = bytes
      }
      return during(fault.millis, () => arm(fault.bytes), () => arm(Infinity))
    }
    case "half-open": {
      const left = Array.from(links)
      return during(
        fault.millis,
        () => left.forEach((link) => link.leave(fault.gone)),
        () => left.forEach((link) => link.end(true))
      )
    }
    case "stall":
      return during(fault.millis, () => weather.stalled[fault.direction]++, () => weather.stalled[fault.direction]--)
    case "swallow":
      return during(fault.millis, () => weather.swallowed[fault.direction]++, () => {
        weather.swallowed[fault.direction]--
        // What follows a hole in the bytes is no protocol any more.
        proxy.endAll(true)
      })
    case "slow":
      return during(
        fault.millis,
        () => weather.rates.add(fault.bytesPerSecond),
        () => weather.rates.delete(fault.bytesPerSecond)
      )
    case "delay": {
      const delay = { millis: fault.delayMillis }
      return during(fault.millis, () => weather.delays.add(delay), () => weather.delays.delete(delay))
    }
    case "refuse":
      return during(fault.millis, () => {
        proxy.refuse(true)
        proxy.endAll(true)
      }, () => proxy.refuse(false))
    case "reject":
      return during(fault.millis, () => {
        weather.rejecting++
        proxy.endAll(true)
      }, () => weather.rejecting--)
    case "no-sockets":
      return during(fault.millis, () => {
        weather.refusingSockets++
        proxy.endAll(true)
      }, () => weather.refusingSockets--)
  }
}

/** Starts a proxy that behaves until it is told otherwise; it ends with the scope. */
export const faultyProxy: Effect.Effect<FaultyProxy, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.promise(async () => {
      const proxy = new Proxy()
      await proxy.listen()
      return proxy
    }),
    (proxy) => Effect.sync(() => proxy.close())
  ),
  (proxy): FaultyProxy => ({
    port: proxy.port,
    forwardTo: (port) => {
      proxy.target = port
    },
    suffer: (fault) => suffer(proxy, fault),
    counts: () => {
      const { connections, inBusiestSecond, sockets } = proxy
      return { connections, sockets, inBusiestSecond }
    }
  })
)
