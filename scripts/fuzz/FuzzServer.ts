import { Context, Data, Effect, Layer, Logger, LogLevel, type Scope } from "effect"
import { connect } from "node:net"
import { gzipSync } from "node:zlib"
import { MetricsServer } from "../../src/server/MetricsServer.js"
import { MemoryMetricStore } from "../../src/store/MemoryMetricStore.js"
import { decoders } from "./Decoders.js"
import type { Mutator } from "./Mutator.js"

/** A server did not stand its input, which is the last of `inputs`, or those before it. */
export class ServerFinding extends Data.TaggedError("ServerFinding")<{
  readonly message: string
  readonly inputs: ReadonlyArray<Buffer>
}> {}

/** A server that is given bytes over TCP. */
export interface FuzzedServer {
  /** Sends one bad request or a connection of bad frames. */
  readonly once: (mutator: Mutator) => Effect.Effect<void>
  /** Sees that the server still answers, holds nothing, and has logged no failure. */
  readonly check: Effect.Effect<void, ServerFinding>
}

const samplesOf = (name: string): ReadonlyArray<Uint8Array> =>
  decoders.find((decoder) => decoder.name === name)?.samples ?? []

const bodies = [...samplesOf("metric or point"), ...samplesOf("frame of a sender")]

const frames = [...samplesOf("frame of a sender"), ...samplesOf("metric or point")]

const upgrade = (protocol: string): string =>
  "GET /ws/metrics HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n" +
  `sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n${protocol}\r\n`

/** A frame with the mask 0, of any length. */
const frame = (opcode: number, payload: Uint8Array): Buffer => {
  const head = Buffer.alloc(14)
  head[0] = 0x80 | opcode
  head[1] = 0xff
  head.writeBigUInt64BE(BigInt(payload.length), 2)
  return Buffer.concat([head, payload])
}

const changed = (mutator: Mutator, sample: Uint8Array): Buffer =>
  mutator.below(3) === 0 ? mutator.bytes(sample) : Buffer.from(mutator.json(Buffer.from(sample).toString("utf8")))

const request = (mutator: Mutator): Buffer => {
  if (mutator.below(3) === 0) {
    const query = mutator.bytes(mutator.pick(samplesOf("query string"))).toString("latin1")
      .replace(/[^!-~]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, "0")}`)
    const path = mutator.pick(["query", "latest", "series", "losses", "status"])
    return Buffer.from(`GET /api/${path}?${query} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)
  }
  const isZipped = mutator.below(4) === 0
  const made = changed(mutator, mutator.pick(bodies))
  const body = isZipped ? gzipSync(made) : made
  const type = mutator.pick(["application/json", "application/vnd.metrics.batch.v1+json"])
  const head = `POST /api/metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: ${type}\r\n` +
    (isZipped ? "content-encoding: gzip\r\n" : "") + `content-length: ${body.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), body])
}

const connection = (mutator: Mutator): Buffer => {
  const parts: Array<Buffer> = [
    Buffer.from(upgrade(mutator.below(2) === 0 ? "sec-websocket-protocol: metrics.batch.v1\r\n" : ""))
  ]
  for (let count = 1 + mutator.below(6); count > 0; count--) {
    const payload = mutator.below(4) === 0
      ? Buffer.from(mutator.pick(frames))
      : changed(mutator, mutator.pick(frames))
    const isBinary = mutator.below(4) === 0
    parts.push(
      isBinary ? frame(2, Buffer.concat([Buffer.from([mutator.below(3)]), gzipSync(payload)])) : frame(1, payload)
    )
  }
  return Buffer.concat(parts)
}

const makeInput = (mutator: Mutator): Buffer => {
  const made = mutator.below(2) === 0 ? request(mutator) : connection(mutator)
  // Most stay readable as HTTP or frames, so that what is behind those is tried.
  return mutator.below(4) === 0 ? mutator.bytes(made) : made
}

const send = (port: number, bytes: Buffer, isCut: boolean): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(bytes, () => {
        if (isCut) socket.resetAndDestroy()
        // A server that waits for more is not waited for.
        else setTimeout(() => socket.destroy(), 100).unref()
      })
    })
    socket.on("data", () => {})
    socket.on("end", () => socket.destroy())
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.void))
    return Effect.sync(() => socket.destroy())
  })

const kept = 200

/** Starts a server in this process to throw bytes at. */
export const fuzzedServer: Effect.Effect<FuzzedServer, unknown, Scope.Scope> = Effect.gen(function*() {
  const errors: Array<string> = []
  const logger = Logger.map(Logger.logfmtLogger, (line) => {
    if (/ level=(?:ERROR|FATAL) /.test(line)) errors.push(line)
  })
  const context = yield* Layer.build(
    MetricsServer.layer({ port: 0 }).pipe(
      Layer.provide(MemoryMetricStore.layer),
      Layer.provide(Logger.replace(Logger.defaultLogger, logger)),
      Layer.provide(Logger.minimumLogLevel(LogLevel.Warning))
    )
  )
  const { port, url } = Context.get(context, MetricsServer)
  const inputs: Array<Buffer> = []
  const finding = (message: string): ServerFinding => new ServerFinding({ message, inputs: [...inputs] })

  const status = Effect.tryPromise({
    try: (signal) => fetch(`${url}/api/status`, { signal }).then((response) => response.text()),
    catch: (cause) => finding(`no answer: ${String(cause)}`)
  })
  return {
    once: (mutator) =>
      Effect.suspend(() => {
        const bytes = makeInput(mutator)
        inputs.push(bytes)
        if (inputs.length > kept) inputs.shift()
        return send(port, bytes, mutator.below(8) === 0)
      }),
    check: Effect.gen(function*() {
      yield* status.pipe(
        Effect.delay("10 millis"),
        Effect.repeat({ until: (text) => text.includes("\"inFlightBytes\":0") }),
        Effect.timeoutFail({ duration: "10 seconds", onTimeout: () => finding("it still holds bytes after 10 s") })
      )
      const [error] = errors
      if (error !== undefined) return yield* finding(`it logged a failure: ${error}`)
    })
  }
})
