import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Logger, LogLevel, Redacted, Schedule, type Scope, TestClock } from "effect"
import { readFileSync } from "node:fs"
import { get } from "node:https"
import { connect as connectTcp, createServer, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import { gzipSync } from "node:zlib"
import { GuessLimit } from "../../src/server/door/GuessLimit.js"
import { type Incident, makeIncidents } from "../../src/server/door/Incidents.js"
import type { MetricsServerOptions } from "../../src/server/MetricsServer.js"
import { MemoryMetricStore } from "../../src/store/MemoryMetricStore.js"
import { connect, connectBatch, hello, post, request, startServer, storedValues } from "./TestServer.js"

const good = { origin: "app", metric_type: "m", value: 1, timestamp: "2026-01-01T00:00:00Z" }

/** A fresh store, and what the server logs at warning or above. */
const withLog = <A, E>(
  body: (log: Array<string>) => Effect.Effect<A, E, MemoryStore | Scope.Scope>
): Effect.Effect<A, E, Scope.Scope> => {
  const log: Array<string> = []
  const logger = Logger.map(Logger.logfmtLogger, (line) => void log.push(line))
  return Effect.provide(
    body(log),
    Layer.mergeAll(
      MemoryMetricStore.layer,
      Logger.replace(Logger.defaultLogger, logger),
      Logger.minimumLogLevel(LogLevel.Warning)
    )
  )
}

type MemoryStore = Layer.Layer.Success<typeof MemoryMetricStore.layer>

const linesOf = (log: ReadonlyArray<string>, incident: Incident): ReadonlyArray<string> =>
  log.filter((line) => line.includes(`incident=${incident} `))

/** Everything that a server answers to these bytes until it closes the connection. */
const exchange = (server: { readonly port: number }, bytes: string | Buffer): Effect.Effect<Buffer> =>
  Effect.async<Buffer>((resume) => {
    const answer: Array<Buffer> = []
    const socket = connectTcp(server.port, "127.0.0.1", () => socket.write(bytes))
    socket.on("data", (chunk) => answer.push(chunk))
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(Buffer.concat(answer))))
    return Effect.sync(() => socket.destroy())
  })

/** Tries until it is answered with 200: where so little time is given, a busy machine may need more than once. */
const untilServed = <A, E>(ask: Effect.Effect<A, E>, statusOf: (answer: A) => number): Effect.Effect<A> =>
  Effect.retry(
    Effect.filterOrFail(ask, (answer) => statusOf(answer) === 200, () => "not yet"),
    Schedule.spaced("20 millis")
  ).pipe(Effect.orDieWith(String))

const open = (server: { readonly port: number }): Effect.Effect<Socket, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Socket>((resume) => {
      const socket = connectTcp(server.port, "127.0.0.1", () => resume(Effect.succeed(socket)))
      socket.on("error", () => {})
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

describe("guessing tokens", () => {
  const wrong = { authorization: "Bearer wrong" }
  const right = { authorization: "Bearer right" }

  it.scopedLive("is slowed down for its address, with 429 and Retry-After everywhere, and told once", () =>
    withLog((log) =>
      Effect.gen(function*() {
        const server = yield* startServer({ token: Redacted.make("right") })
        // Guesses are few a second, whatever the way: sooner or later each meets the limit.
        const limited = { until: ({ status }: { readonly status: number }) => status === 429 }
        const guess = request(server, "/api/status", { headers: wrong })
        const answer = yield* Effect.repeat(guess, limited)
        expect(answer).toMatchObject({ json: { code: "too-many-guesses" } })
        expect(Number(answer.headers["retry-after"])).toBeGreaterThanOrEqual(1)
        const login = yield* request(server, "/api/session", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ token: "wrong" })
        }).pipe(Effect.repeat(limited))
        expect(login).toMatchObject({ json: { code: "too-many-guesses" } })
        const refused = yield* Effect.flip(connectBatch(server, wrong)).pipe(
          Effect.repeat({ until: (error) => "status" in error && error.status === 429 })
        )
        expect(refused).toMatchObject({ headers: { "retry-after": expect.stringMatching(/^\d+$/) } })
        // What needs no token is answered all the same, and who shows none is told to show one.
        expect(yield* request(server, "/healthz", { headers: wrong })).toMatchObject({ status: 200 })
        expect(yield* request(server, "/api/status")).toMatchObject({ status: 401 })
        expect(linesOf(log, "guessing")).toHaveLength(1)
        expect(linesOf(log, "wrong-token")).toHaveLength(1)
        expect(linesOf(log, "guessing")[0]).toMatch(/too many wrong tokens.*from=.*127\.0\.0\.1/)
        expect(log.join()).not.toMatch(/right/)
      })
    ))

  it.scopedLive("does not shut out whoever shows the right one before that", () =>
    withLog(() =>
      Effect.gen(function*() {
        const server = yield* startServer({ token: Redacted.make("right") })
        for (let i = 0; i < 10; i++) yield* request(server, "/api/status", { headers: wrong })
        for (let i = 0; i < 50; i++) {
          expect(yield* request(server, "/api/status", { headers: right })).toMatchObject({ status: 200 })
        }
      })
    ))

  it("is counted by address, by /64 for IPv6, and forgotten with time", () => {
    const limit = new GuessLimit()
    for (let i = 0; i < 20; i++) limit.wrong("10.0.0.1", 0)
    expect(limit.secondsLeft("10.0.0.1", 0)).toBe(1)
    expect(limit.secondsLeft("::ffff:10.0.0.1", 0)).toBe(1)
    expect(limit.secondsLeft("10.0.0.2", 0)).toBe(0)
    expect(limit.secondsLeft("10.0.0.1", 1_000)).toBe(0)
    limit.wrong("10.0.0.1", 1_000)
    expect(limit.secondsLeft("10.0.0.1", 1_000)).toBe(1)
    for (let i = 0; i < 20; i++) limit.wrong(`2001:db8::1:${i}`, 0)
    expect(limit.secondsLeft("2001:db8:0:0:ffff::1", 0)).toBe(1)
    expect(limit.secondsLeft("2001:db8:0:1::1", 0)).toBe(0)
    expect(limit.secondsLeft("10.0.0.1", 3_600_000)).toBe(0)
  })

  it("from a million addresses is kept for ten thousand", () => {
    const limit = new GuessLimit()
    for (let i = 0; i < 1_000_000; i++) limit.wrong(`${i >> 16}.${i >> 8 & 255}.${i & 255}`, i)
    expect(limit.size).toBeLessThanOrEqual(10_000)
    expect(limit.size).toBeGreaterThanOrEqual(5_000)
  })
})

describe("incidents", () => {
  it.scoped("are told at once, then counted and told once a minute, and no more when they end", () =>
    withLog((log) =>
      Effect.gen(function*() {
        const incidents = yield* makeIncidents
        for (let i = 0; i < 10_000; i++) incidents.note("foreign", `10.0.0.${i % 200}`, "foreign-host")
        yield* TestClock.adjust("1 second")
        expect(log).toHaveLength(1)
        expect(log[0]).toMatch(/refused: foreign-host.*from=10\.0\.0\.0/)
        yield* TestClock.adjust("1 minute")
        expect(log).toHaveLength(2)
        expect(log[1]).toMatch(/9999 more within a minute.*10\.0\.0\.1.*and perhaps others/)
        yield* TestClock.adjust("1 hour")
        expect(log).toHaveLength(2)
        incidents.note("foreign", "10.0.0.9")
        yield* TestClock.adjust("1 second")
        expect(log).toHaveLength(3)
      })
    ))
})

describe("connections", () => {
  it.scopedLive("past the limit get 503 over HTTP and the socket, and the rest is served", () =>
    withLog((log) =>
      Effect.gen(function*() {
        const server = yield* startServer({ maxConnections: 3 })
        const peer = yield* connect(server)
        const idle = yield* open(server)
        yield* open(server)
        expect(yield* request(server, "/healthz")).toMatchObject({
          status: 503,
          json: { code: "too-many-connections" },
          headers: { "retry-after": "10" }
        })
        expect(yield* Effect.flip(connect(server))).toMatchObject({ status: 503 })
        peer.send(good)
        expect(yield* peer.next).toEqual({ type: "success", accepted: 1 })
        expect(linesOf(log, "too-many-connections")).toHaveLength(1)
        expect(log.join()).toMatch(/--max-connections/)
        idle.destroy()
        yield* request(server, "/healthz").pipe(Effect.repeat({ until: ({ status }) => status === 200 }))
      })
    ))

  it.scopedLive("in number past all telling are cut, and cost nothing that stays", () =>
    withLog((log) =>
      Effect.gen(function*() {
        const server = yield* startServer({ maxConnections: 2 })
        const peer = yield* connect(server)
        const sockets = yield* Effect.all(Array.from({ length: 200 }, () => open(server)), { concurrency: 50 })
        yield* Effect.suspend(() => Effect.succeed(sockets.filter((socket) => socket.closed).length)).pipe(
          Effect.delay("20 millis"),
          Effect.repeat({ until: (cut) => cut >= 130 })
        )
        peer.send(good)
        expect(yield* peer.next).toEqual({ type: "success", accepted: 1 })
        expect(linesOf(log, "too-many-connections")).toHaveLength(1)
      })
    ))

  it.scopedLive(
    "that are 1,000 and idle leave a server that answers; a sender among them is served",
    () =>
      withLog((log) =>
        Effect.gen(function*() {
          const server = yield* startServer()
          yield* Effect.all(Array.from({ length: 1_000 }, (_, i) => i % 2 === 0 ? open(server) : connect(server)), {
            concurrency: 50
          })
          const peer = yield* connectBatch(server)
          peer.send(hello("s1"))
          expect(yield* peer.next).toMatchObject({ type: "welcome" })
          expect(yield* post(server, good)).toMatchObject({ status: 200 })
          expect(yield* request(server, "/api/status")).toMatchObject({ json: { inFlightBytes: 0 } })
          expect(log.filter((line) => !line.includes("slow-request"))).toEqual([])
        })
      )
  )

  it.scopedLive("that say nothing, half a head, or half a handshake are cut after the handshake timeout", () =>
    withLog((log) =>
      Effect.gen(function*() {
        const server = yield* startServer({ handshakeTimeout: "200 millis" })
        const upgrade = "GET /ws/metrics HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
        for (const bytes of ["", "GET / HT", upgrade]) {
          expect((yield* exchange(server, bytes)).toString(), bytes).toMatch(/^HTTP\/1\.1 408 .*"timeout"/s)
        }
        expect(linesOf(log, "slow-request")).toHaveLength(1)
        yield* untilServed(request(server, "/healthz"), ({ status }) => status)
      })
    ))
})

describe("over TLS", () => {
  const pem = (name: string): string => readFileSync(new URL(`tls/${name}.pem`, import.meta.url), "utf8")
  const tls = { cert: pem("cert"), key: pem("key") }

  const secureGet = (port: number): Effect.Effect<number, Error> =>
    Effect.async<number, Error>((resume) => {
      get({ host: "localhost", port, path: "/healthz", ca: tls.cert, agent: false, family: 4 }, (response) => {
        response.resume()
        resume(Effect.succeed(response.statusCode ?? 0))
      }).on("error", (error) => resume(Effect.fail(error)))
    })

  /** What a client says first. */
  const clientHello = Effect.async<Buffer>((resume) => {
    const listener = createServer((socket) => {
      socket.on("error", () => {})
      socket.once("data", (hello) => {
        socket.destroy()
        listener.close()
        resume(Effect.succeed(hello))
      })
    })
    listener.listen(0, "127.0.0.1", () => {
      const address = listener.address()
      if (typeof address !== "object" || address === null) return
      connectTls({ host: "127.0.0.1", port: address.port }).on("error", () => {})
    })
  })

  it.scopedLive("a handshake of which nothing, half, or all but the end comes is cut in time, and told in the log", () =>
    withLog((log) =>
      Effect.gen(function*() {
        const server = yield* startServer({ tls, handshakeTimeout: "1 second" })
        const hello = yield* clientHello
        for (const bytes of [Buffer.alloc(0), hello.subarray(0, hello.length / 2), hello]) {
          const answer = yield* exchange(server, bytes)
          // The server's part of the handshake, where it heard enough of the client's; never a word of HTTP.
          expect(answer.length > 0, `${bytes.length} bytes`).toBe(bytes === hello)
          expect(answer.includes("HTTP/1.1")).toBe(false)
          yield* untilServed(secureGet(server.port), (status) => status)
        }
        expect(linesOf(log, "tls")).toEqual([expect.stringMatching(/handshake timeout.*from=(?:::ffff:)?127\.0\.0\.1/)])
      })
    ))

  it.scopedLive("whoever does all of it and then says nothing is answered with 408 in time", () =>
    withLog((log) =>
      Effect.gen(function*() {
        const server = yield* startServer({ tls, handshakeTimeout: "1 second" })
        const answer = yield* Effect.async<string>((resume) => {
          let text = ""
          const socket = connectTls({ host: "127.0.0.1", servername: "localhost", port: server.port, ca: tls.cert })
          socket.on("data", (chunk: Buffer) => {
            text += chunk.toString("latin1")
          })
          socket.on("error", () => {})
          socket.on("close", () => resume(Effect.succeed(text)))
        })
        expect(answer).toMatch(/^HTTP\/1\.1 408 .*"timeout"/s)
        expect(linesOf(log, "slow-request")).toHaveLength(1)
        yield* untilServed(secureGet(server.port), (status) => status)
      })
    ))
})

describe("a client that never reads", () => {
  it.scopedLive("is cut when 8 MiB of answers wait for it, told in the log, and costs nobody else", () =>
    withLog((log) =>
      Effect.gen(function*() {
        const server = yield* startServer()
        const peer = yield* connect(server)
        peer.socket.pause()
        const closed = Effect.async<void>((resume) => {
          peer.socket.on("error", () => {})
          peer.socket.once("close", () => resume(Effect.void))
          // A closed peer that is paused does not hear of it: writing tells.
        })
        const bad = `[${Array.from({ length: 20_000 }, () => "0").join(",")}]`
        const flood = Effect.async<void>((resume) => {
          const next = (): void => {
            if (linesOf(log, "unread").length > 0) resume(Effect.void)
            else peer.socket.send(bad, () => setTimeout(next, 1))
          }
          next()
        })
        yield* Effect.raceFirst(flood, closed)
        yield* Effect.sync(() => linesOf(log, "unread").length).pipe(
          Effect.delay("10 millis"),
          Effect.repeat({ until: (count) => count === 1 })
        )
        expect(yield* post(server, good)).toMatchObject({ status: 200 })
        yield* request(server, "/api/status").pipe(
          Effect.repeat({ until: ({ text }) => text.includes("\"inFlightBytes\":0") })
        )
      })
    ))
})

describe("a client that never reads an answer over HTTP", () => {
  it.scopedLive("is cut after the stall timeout, told in the log; a reader of the live stream that waits is not", () =>
    withLog((log) =>
      Effect.gen(function*() {
        const server = yield* startServer({ stallTimeout: "300 millis" })
        const many = Array.from({ length: 100_000 }, (_, i) => ({ ...good, value: i, timestamp: i }))
        yield* post(server, many)
        const query = "GET /api/query?metric_type=m HTTP/1.1\r\nhost: localhost\r\n\r\n"
        const live = yield* open(server)
        live.write("GET /api/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
        live.on("data", () => {})
        const stalled = yield* Effect.all(Array.from({ length: 4 }, () => open(server)))
        for (const socket of stalled) {
          socket.pause()
          // Twenty answers are more than the system holds for a reader.
          socket.write(query.repeat(20))
        }
        yield* Effect.sync(() => linesOf(log, "unread").length).pipe(
          Effect.delay("20 millis"),
          Effect.repeat({ until: (count) => count > 0 })
        )
        expect(live.destroyed).toBe(false)
        expect(yield* request(server, "/healthz")).toMatchObject({ status: 200 })
      })
    ))
})

describe("frames that no library would send", () => {
  const handshake = [
    "GET /ws/metrics HTTP/1.1",
    "host: localhost",
    "connection: Upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
    "",
    ""
  ].join("\r\n")
  const length64 = (high: number): ReadonlyArray<number> => [high, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
  const masked = (opcode: number, payload: ReadonlyArray<number>): ReadonlyArray<number> => [
    opcode,
    0x80 | payload.length,
    0,
    0,
    0,
    0,
    ...payload
  ]
  const manyPieces = Array.from({ length: 20_000 }, (_, i) => masked(i === 0 ? 0x01 : 0x00, [0x20])).flat()

  const cases: ReadonlyArray<readonly [what: string, bytes: ReadonlyArray<number>, closeCode: number]> = [
    ["a length of eight exabytes", [0x81, 0xff, ...length64(0x7f), 0, 0, 0, 0], 1009],
    ["a length below zero", [0x81, 0xff, ...length64(0xff), 0, 0, 0, 0], 1009],
    ["a length of 4 GiB", [0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], 1009],
    ["a frame without a mask", [0x81, 0x02, 0x7b, 0x7d], 1002],
    ["an opcode that there is not", masked(0x83, []), 1002],
    ["reserved bits", masked(0xf1, []), 1002],
    ["a piece of nothing", masked(0x80, [0x20]), 1002],
    ["a ping in pieces", masked(0x09, []), 1002],
    ["text that is not UTF-8", masked(0x81, [0xc3, 0x28]), 1007],
    ["a frame in twenty thousand pieces", manyPieces, 1008]
  ]
  it.scopedLive.each(cases)(
    "%s: the socket is closed with its code, told in the log",
    ([, bytes, code]) =>
      withLog((log) =>
        Effect.gen(function*() {
          const server = yield* startServer()
          const answer = yield* exchange(server, Buffer.concat([Buffer.from(handshake), Buffer.from(bytes)]))
          const frame = answer.subarray(answer.indexOf("\r\n\r\n") + 4)
          expect([frame[0], frame.readUInt16BE(2)]).toEqual([0x88, code])
          expect(linesOf(log, "bad-socket")).toHaveLength(1)
          expect(yield* post(server, good)).toMatchObject({ status: 200 })
        })
      )
  )
})

describe("names that stand twice in JSON", () => {
  it.scopedLive("count once, the last, over HTTP and the socket alike", () =>
    withLog(() =>
      Effect.gen(function*() {
        const server = yield* startServer()
        const text =
          "{\"value\":1,\"origin\":\"x\",\"metric_type\":\"m\",\"origin\":\"app\",\"value\":2,\"timestamp\":1}"
        expect(yield* post(server, text)).toMatchObject({ status: 200 })
        const peer = yield* connect(server)
        peer.send(text)
        yield* peer.next
        expect(yield* storedValues(server, "m")).toEqual([2, 2])
        expect(yield* request(server, "/api/series")).toMatchObject({ json: [{ origin: "app" }] })
      })
    ))
})

describe("a page of another site", () => {
  it.scopedLive("cannot load an answer as an image or a script; a link to the dashboard is followed", () =>
    withLog((log) =>
      Effect.gen(function*() {
        const server = yield* startServer()
        for (const site of ["cross-site", "same-site"]) {
          const headers = { "sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" }
          expect(yield* request(server, "/api/latest", { headers }), site).toMatchObject({
            status: 403,
            json: { code: "foreign-origin" }
          })
        }
        const link = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" }
        expect(yield* request(server, "/", { headers: link })).toMatchObject({ status: 200 })
        const own = { "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" }
        expect(yield* request(server, "/api/latest", { headers: own })).toMatchObject({ status: 200 })
        expect(linesOf(log, "foreign")).toHaveLength(1)
      })
    ))

  it.scopedLive("every answer forbids to be guessed at, framed, or read by other sites", () =>
    withLog(() =>
      Effect.gen(function*() {
        const server = yield* startServer()
        for (const path of ["/", "/docs", "/openapi.json", "/api/latest", "/api/nothing", "/metrics", "/healthz"]) {
          const { headers } = yield* request(server, path)
          expect(headers, path).toMatchObject({
            "x-content-type-options": "nosniff",
            "cross-origin-resource-policy": "same-origin",
            "x-frame-options": "DENY",
            "content-security-policy": expect.stringMatching(/default-src 'none'.*frame-ancestors 'none'/)
          })
        }
      })
    ))
})

describe("what is refused is told in the log", () => {
  const postHead = "POST /api/metrics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

  const noting = (
    name: string,
    incident: Incident,
    detail: RegExp,
    attack: (server: { readonly port: number }) => Effect.Effect<unknown, Error, Scope.Scope>,
    options: MetricsServerOptions = { maxBodyBytes: 2_097_152 }
  ): void =>
    it.scopedLive(`${name}, with the address it came from`, () =>
      withLog((log) =>
        Effect.gen(function*() {
          const server = yield* startServer(options)
          yield* attack(server)
          yield* Effect.retry(
            Effect.suspend(() => linesOf(log, incident).length > 0 ? Effect.void : Effect.fail("nothing yet")),
            Schedule.intersect(Schedule.spaced("20 millis"), Schedule.recurs(3_000))
          ).pipe(Effect.ignore)
          expect(linesOf(log, incident)).toEqual([expect.stringMatching(detail)])
          expect(linesOf(log, incident)[0]).toMatch(/from=(?:::ffff:)?127\.0\.0\.1/)
        })
      ))

  noting(
    "a gzip bomb",
    "refused-body",
    /larger than 2 MiB after gunzip/,
    (server) => post(server, gzipSync(Buffer.alloc(4_000_000, "[")), { "content-encoding": "gzip" })
  )
  noting(
    "a body that is too large",
    "refused-body",
    /larger than 2 MiB/,
    (server) => post(server, " ".repeat(2_100_000))
  )
  noting(
    "a terabyte that was announced",
    "refused-body",
    /larger than 2 MiB/,
    (server) =>
      Effect.flatMap(open(server), (socket) => {
        socket.write(`${postHead}Content-Length: 1099511627776\r\n\r\n[`)
        return Effect.async<void>((resume) => void socket.once("data", () => resume(Effect.void)))
      })
  )
  noting("bytes that are no request", "no-request", /HPE_INVALID_METHOD/, (server) => exchange(server, "hello\r\n\r\n"))
  noting(
    "two lengths of one body",
    "no-request",
    /HPE_UNEXPECTED_CONTENT_LENGTH/,
    (server) => exchange(server, `${postHead}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`)
  )
  noting(
    "a body that dribbles",
    "slow-request",
    /ERR_HTTP_REQUEST_TIMEOUT/,
    (server) => exchange(server, `${postHead}Content-Length: 1000\r\n\r\n[`),
    { requestTimeout: "300 millis" }
  )
  noting(
    "a body that is not UTF-8",
    "refused-body",
    /not UTF-8/,
    (server) => post(server, Buffer.from([0x22, 0xc3, 0x28, 0x22]))
  )
  noting(
    "a body that is not UTF-8 after gunzip",
    "refused-body",
    /not UTF-8/,
    (server) => post(server, gzipSync(Buffer.from([0x22, 0xc3, 0x28, 0x22])), { "content-encoding": "gzip" })
  )
  noting(
    "a body of brackets",
    "refused-body",
    /more arrays and objects/,
    (server) => post(server, "[".repeat(2_000_000))
  )
  noting("a body that is no JSON", "refused-body", /./, (server) => post(server, "{"))
  noting(
    "a metric that is too deep",
    "bad-metrics",
    /depth|deep|nested/i,
    (server) =>
      post(server, `{"origin":"a","metric_type":"b","value":1,"metadata":{"a":${"[".repeat(40)}${"]".repeat(40)}}}`)
  )
  noting(
    "a frame of a plain socket that is no metric",
    "bad-metrics",
    /origin/,
    (server) =>
      Effect.flatMap(connect(server), (peer) => {
        peer.send({ metric_type: "m", value: 1 })
        return peer.next
      })
  )
  noting("a batch of series that nobody defined", "bad-socket", /unknown-series/, (server) =>
    Effect.gen(function*() {
      const peer = yield* connectBatch(server)
      peer.send(hello("s"))
      yield* peer.next
      peer.send({ type: "batch", stream: "s", first: 0, define: [], series: [7], time: [0], value: [1], fields: [] })
      yield* peer.closed
    }))
})
