import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { connect as connectTcp, type Socket } from "node:net"
import { gzipSync } from "node:zlib"
import {
  batch,
  connect,
  connectBatch,
  hello,
  memoryStore,
  post,
  request,
  startServer,
  storedValues
} from "./TestServer.js"

const good = { origin: "app", metric_type: "m", value: 1, timestamp: "2026-01-01T00:00:00Z" }
const text = (value: unknown): string => JSON.stringify(good).replace("\"value\":1", `"value":${String(value)}`)
const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels)
const withMember = (name: string, json: string): string =>
  `{"origin":"app","metric_type":"m","value":1,"${name}":${json}}`

/** Everything that a server answers to these bytes until it closes the connection. */
const exchange = (
  server: { readonly port: number },
  bytes: string,
  after: (socket: Socket) => void = () => {}
): Effect.Effect<string> =>
  Effect.async<string>((resume) => {
    let answer = ""
    const socket = connectTcp(server.port, "127.0.0.1", () => {
      socket.write(bytes)
      after(socket)
    })
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1")
    })
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(answer)))
    return Effect.sync(() => socket.destroy())
  })

describe("a method that a path does not take", () => {
  const cases: ReadonlyArray<readonly [method: string, path: string, allow: string]> = [
    ["PUT", "/api/metrics", "POST"],
    ["GET", "/api/metrics", "POST"],
    ["DELETE", "/api/metrics?x=1", "POST"],
    ["POST", "/api/query", "GET, HEAD"],
    ["PUT", "/api/session", "POST, DELETE"],
    ["POST", "/healthz", "GET, HEAD"],
    ["POST", "/ws/metrics", "GET, HEAD"],
    ["PATCH", "/", "GET, HEAD"]
  ]
  for (const [method, path, allow] of cases) {
    it.scopedLive(`${method} ${path} is answered with those that it takes`, () =>
      Effect.gen(function*() {
        const server = yield* startServer()
        const answer = yield* request(server, path, {
          method,
          headers: { "content-type": "application/json" },
          ...(method === "GET" || method === "DELETE" ? {} : { body: JSON.stringify(good) })
        })
        expect(answer).toMatchObject({ status: 405, headers: { allow }, json: { code: "wrong-method" } })
        expect(yield* storedValues(server, "m")).toEqual([])
      }).pipe(Effect.provide(memoryStore)))
  }

  it.scopedLive("asks for the token first", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ token: Redacted.make("secret") })
      expect(yield* request(server, "/api/metrics", { method: "PUT" })).toMatchObject({ status: 401 })
    }).pipe(Effect.provide(memoryStore)))
})

const head = (...headers: ReadonlyArray<string>): string =>
  ["POST /api/metrics HTTP/1.1", "host: localhost", "content-type: application/json", ...headers, "", ""].join("\r\n")

describe("one bad metric among good ones", () => {
  const cases: ReadonlyArray<readonly [what: string, item: string, message: RegExp]> = [
    ["a value that is text", text("\"12\""), /value: expected a finite number/],
    ["a value that is null", text("null"), /value: expected a finite number/],
    ["a value beyond all numbers", text("1e999"), /value: expected a finite number/],
    ["a value that is an object", text("{}"), /value: expected a finite number/],
    ["no value", "{\"origin\":\"app\",\"metric_type\":\"m\"}", /value: is missing/],
    ["no origin", "{\"metric_type\":\"m\",\"value\":1}", /origin: is missing/],
    ["an empty origin", "{\"origin\":\"\",\"metric_type\":\"m\",\"value\":1}", /origin: expected a non-empty string/],
    ["an origin that is a number", "{\"origin\":5,\"metric_type\":\"m\",\"value\":1}", /origin: expected a string/],
    [
      "an over-long metric type",
      `{"origin":"app","metric_type":"${"x".repeat(256)}","value":1}`,
      /metric_type: expected at most 255 characters/
    ],
    ["a lone surrogate", "{\"origin\":\"\\ud800\",\"metric_type\":\"m\",\"value\":1}", /origin: .*surrogate/],
    ["a timestamp in words", withMember("timestamp", "\"March 7\""), /timestamp: expected ISO 8601/],
    ["a timestamp past the year 9999", withMember("timestamp", "1e18"), /timestamp: expected ISO 8601.*9999/],
    ["a timestamp that is no day", withMember("timestamp", "\"2026-02-30\""), /timestamp: expected ISO 8601/],
    [
      "a timestamp that is lists without an end",
      withMember("timestamp", nested(100_000)),
      /timestamp: expected ISO 8601/
    ],
    ["metadata that is a list", withMember("metadata", "[]"), /metadata: expected a JSON object/],
    ["metadata of 9 KB", withMember("metadata", `{"a":"${"x".repeat(9_000)}"}`), /metadata: \d+ bytes as JSON/],
    ["metadata of 9 levels", withMember("metadata", `{"a":${nested(9)}}`), /metadata.*deeper than 8 levels/],
    [
      "metadata of 50,000 names",
      withMember("metadata", `{${Array.from({ length: 50_000 }, (_, i) => `"k${i}":1`).join(",")}}`),
      /metadata: more than 8192 bytes as JSON/
    ],
    [
      "a metric of 50,000 names",
      `{${Array.from({ length: 50_000 }, (_, i) => `"k${i}":1`).join(",")}}`,
      /origin: is missing; metric_type: is missing; value: is missing/
    ],
    ["metadata without an end", withMember("metadata", `{"a":${nested(100_000)}}`), /metadata.*deeper than 8 levels/],
    [
      "an origin without an end",
      `{"origin":${nested(100_000)},"metric_type":"m","value":1}`,
      /origin: expected a string/
    ],
    ["__proto__ as a tag", withMember("metadata", "{\"__proto__\":{\"polluted\":1}}"), /__proto__ is not allowed/],
    ["__proto__ deep in metadata", withMember("metadata", "{\"a\":[{\"__proto__\":1}]}"), /__proto__ is not allowed/],
    ["a metric hidden in __proto__", `{"__proto__":${JSON.stringify(good)}}`, /origin: is missing/],
    ["a number", "17", /expected a JSON object/],
    ["a list in the list", `[${JSON.stringify(good)}]`, /expected a JSON object/],
    ["lists without an end", nested(100_000), /expected a JSON object/],
    ["a point without a metric type", "{\"measurement\":\"m\",\"fields\":{\"value\":1}}", /metric_type: is missing/],
    [
      "a point whose value is text",
      "{\"measurement\":\"m\",\"tags\":{\"metric_type\":\"m\"},\"fields\":{\"value\":\"1\"}}",
      /value: expected a finite number/
    ],
    [
      "a point with a tag that is a number",
      "{\"measurement\":\"m\",\"tags\":{\"metric_type\":\"m\",\"a\":1},\"fields\":{\"value\":1}}",
      /tags: expected an object of strings/
    ]
  ]

  it.scopedLive.each(cases)(
    "%s is refused and named, over HTTP and the socket",
    ([, item, message]) =>
      Effect.gen(function*() {
        const server = yield* startServer()
        const body = `[${text(1)},${item},${text(2)}]`
        const rejected = [{ index: 1, message: expect.stringMatching(message) }]
        const answer = yield* post(server, body)
        expect(answer).toMatchObject({ status: 200, json: { accepted: 2, rejected } })
        expect(answer.text.length).toBeLessThan(1_000)
        const peer = yield* connect(server)
        peer.send(body)
        expect(yield* peer.next).toMatchObject({ type: "error", accepted: 2, rejected })
        expect(yield* post(server, item.startsWith("[") ? `[${item}]` : item)).toMatchObject({
          status: 422,
          json: { accepted: 0, rejected: [{ index: 0, message: expect.stringMatching(message) }] }
        })
        expect(yield* storedValues(server, "m")).toEqual([1, 2, 1, 2])
        expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false)
      }).pipe(Effect.provide(memoryStore))
  )
})

describe("a body that is nothing to take", () => {
  const gzip = { "content-encoding": "gzip" }
  const cases: ReadonlyArray<
    readonly [
      what: string,
      body: string | Uint8Array,
      headers: { readonly [name: string]: string },
      status: number,
      code: string,
      message: RegExp
    ]
  > = [
    ["JSON that ends too early", "{\"origin\":", {}, 400, "bad-json", /not JSON/],
    ["NaN", text("NaN"), {}, 400, "bad-json", /not JSON/],
    ["Infinity", text("-Infinity"), {}, 400, "bad-json", /not JSON/],
    ["two values", `${text(1)}${text(2)}`, {}, 400, "bad-json", /not JSON/],
    ["nothing", "", {}, 400, "bad-json", /empty/],
    ["bytes that are not UTF-8", Buffer.from([0x22, 0xc3, 0x28, 0x22]), {}, 400, "bad-json", /UTF-8/],
    ["20 MB", Buffer.alloc(20_971_520, " "), {}, 413, "too-large", /larger than 8 MiB; send it in several parts/],
    [
      "20 MB without a length",
      Buffer.alloc(20_971_520, " "),
      { "transfer-encoding": "chunked" },
      413,
      "too-large",
      /8 MiB/
    ],
    ["a gzip bomb", gzipSync(Buffer.alloc(100_000_000, " ")), gzip, 413, "too-large", /8 MiB after gunzip/],
    [
      "a million things",
      `[${"0,".repeat(999_999)}0]`,
      {},
      413,
      "too-large",
      /1000000 items at once; send at most 250000/
    ],
    ["two million empty arrays", `[${"[],".repeat(2_000_000)}0]`, {}, 413, "too-large", /more arrays and objects/],
    ["three million levels", nested(3_000_000), {}, 413, "too-large", /more arrays and objects/],
    ["gzip that is none", "plain", gzip, 400, "bad-gzip", /no gzip/],
    ["half a gzip", gzipSync(text(1)).subarray(0, 40), gzip, 400, "bad-gzip", /no gzip/],
    [
      "another encoding",
      text(1),
      { "content-encoding": "br" },
      415,
      "unsupported-encoding",
      /"br".*send gzip or nothing/
    ],
    [
      "two encodings",
      text(1),
      { "content-encoding": "gzip, gzip" },
      415,
      "unsupported-encoding",
      /send gzip or nothing/
    ],
    [
      "a form, as curl sends it",
      text(1),
      { "content-type": "application/x-www-form-urlencoded" },
      415,
      "unsupported-media-type",
      /application\/json/
    ],
    ["XML", "<a/>", { "content-type": "text/xml" }, 415, "unsupported-media-type", /"text\/xml".*application\/json/],
    [
      "Latin-1",
      text(1),
      { "content-type": "application/json; charset=iso-8859-1" },
      415,
      "unsupported-charset",
      /UTF-8/
    ],
    ["a foreign page", text(1), { origin: "https://evil.example" }, 403, "foreign-origin", /another origin/],
    ["a foreign name", text(1), { host: "evil.example" }, 403, "foreign-host", /localhost only/]
  ]

  it.scopedLive.each(cases)(
    "%s is refused, and the next one taken",
    ([, body, headers, status, code, message]) =>
      Effect.gen(function*() {
        const server = yield* startServer()
        const answer = yield* post(server, body, headers)
        expect(answer).toMatchObject({ status, json: { code, message: expect.stringMatching(message) } })
        expect(answer.text).not.toMatch(/\bat .*\.[jt]s|node_modules/)
        expect(yield* post(server, good)).toMatchObject({ status: 200 })
        expect(yield* storedValues(server, "m")).toEqual([1])
        expect(yield* request(server, "/api/status")).toMatchObject({ json: { inFlightBytes: 0 } })
      }).pipe(Effect.provide(memoryStore))
  )

  it.scopedLive("a wrong token is refused before the body is read", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ token: Redacted.make("right") })
      for (const authorization of ["Bearer wrong", "Basic cmlnaHQ=", "right", "Bearer", "Bearer right wrong"]) {
        expect(yield* post(server, Buffer.alloc(20_971_520, " "), { authorization }), authorization).toMatchObject({
          status: 401,
          json: { code: "unauthorized", message: expect.stringMatching(/token/) }
        })
      }
      expect(yield* post(server, good, { authorization: "Bearer right" })).toMatchObject({ status: 200 })
    }).pipe(Effect.provide(memoryStore)))
})

describe("bytes that are no request", () => {
  it.scopedLive.each(
    [
      ["no HTTP", "hello\r\n\r\n", /^HTTP\/1\.1 400 .*"this is no HTTP\/1\.1 request"/s],
      ["a length below zero", head("content-length: -5"), /^HTTP\/1\.1 400 .*content-length: expected/s],
      ["a length past all numbers", head(`content-length: ${"9".repeat(30)}`), /^HTTP\/1\.1 400 .*content-length/s],
      ["a length in words", head("content-length: ten"), /^HTTP\/1\.1 400 .*content-length/s],
      ["two lengths", head("content-length: 2", "content-length: 3"), /^HTTP\/1\.1 400 .*content-length/s],
      ["headers of 40 KB", head(`x-pad: ${"x".repeat(40_000)}`), /^HTTP\/1\.1 431 .*headers-too-large/s],
      ["an unknown transfer encoding", head("transfer-encoding: rot13"), /^HTTP\/1\.1 400 .*chunked/s],
      ["broken chunks", `${head("transfer-encoding: chunked")}zz\r\n{}\r\n`, /^HTTP\/1\.1 400 /]
    ] as const
  )("%s gets an answer, and the connection closed", ([, bytes, answer]) =>
    Effect.gen(function*() {
      const server = yield* startServer()
      expect(yield* exchange(server, bytes)).toMatch(answer)
      expect(yield* post(server, good)).toMatchObject({ status: 200 })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("a length of a terabyte is refused at once", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const answer = yield* exchange(server, head("content-length: 1099511627776"), (socket) => {
        socket.once("data", () => socket.end())
      })
      expect(answer).toMatch(/^HTTP\/1\.1 413 .*too-large/s)
      expect(yield* request(server, "/api/status")).toMatchObject({ json: { inFlightBytes: 0 } })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("a body that does not come in time is answered with 408, and its bytes are given back", () =>
    Effect.gen(function*() {
      const server = yield* startServer({ requestTimeout: "200 millis" })
      const answer = yield* exchange(server, `${head("content-length: 1000")}[{"origin":`)
      expect(answer).toMatch(/^HTTP\/1\.1 408 .*did not arrive in time/s)
      const headersOnly = yield* exchange(server, "POST /api/metrics HTTP/1.1\r\nhost: lo")
      expect(headersOnly).toMatch(/^HTTP\/1\.1 408 /)
      yield* request(server, "/api/status").pipe(
        Effect.repeat({ until: ({ text }) => text.includes("\"inFlightBytes\":0") })
      )
      // A busy machine may need more than that time itself.
      yield* post(server, good).pipe(Effect.repeat({ until: ({ status }) => status === 200 }))
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("resets in the middle of a body, gzipped or chunked, leave nothing behind", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const pieces = [
        `${head("content-length: 100000")}[${"1,".repeat(2_000)}`,
        `${head("content-length: 1000", "content-encoding: gzip")}${gzipSync(text(1)).toString("latin1").slice(0, 30)}`,
        `${head("transfer-encoding: chunked")}ffff\r\n[1,`,
        "POST /api/metrics HTTP/1.1\r\nhost: loc"
      ]
      for (let i = 0; i < 40; i++) {
        yield* exchange(server, pieces[i % pieces.length] ?? "", (socket) => {
          setImmediate(() => socket.resetAndDestroy())
        })
      }
      yield* request(server, "/api/status").pipe(
        Effect.repeat({ until: ({ text }) => text.includes("\"inFlightBytes\":0") })
      )
      expect(yield* post(server, good)).toMatchObject({ status: 200 })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("a reader that is gone in the middle of a large answer costs nothing", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const many = Array.from({ length: 50_000 }, (_, i) => ({ ...good, value: i, timestamp: i }))
      yield* post(server, many)
      for (let i = 0; i < 10; i++) {
        yield* exchange(
          server,
          "GET /api/query?metric_type=m HTTP/1.1\r\nhost: localhost\r\n\r\n",
          (socket) => socket.once("data", () => socket.resetAndDestroy())
        )
      }
      expect((yield* storedValues(server, "m")).length).toBe(50_000)
    }).pipe(Effect.provide(memoryStore)))
})

describe("bad frames", () => {
  it.scopedLive("in plain mode each gets one answer, and the socket stays open", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const peer = yield* connect(server)
      for (
        const [frame, message] of [
          ["{", /not JSON/],
          ["", /not JSON/],
          [text("NaN"), /not JSON/],
          [text("1e999"), /value: expected a finite number/],
          ["null", /expected a JSON object/],
          [Buffer.from([0xff, 0xfe]), /not UTF-8/],
          [Buffer.from([1, 2, 3]), /no gzip/],
          [
            Buffer.concat([Buffer.from([1]), gzipSync(Buffer.alloc(4_000_000, " "))]),
            /more than 1048576 bytes after gunzip/
          ],
          [" ".repeat(1_500_000), /at most 1048576 are taken/],
          [`[${"0,".repeat(300_000)}0]`, /300001 items at once/]
        ] as const
      ) {
        peer.send(frame)
        expect(yield* peer.next).toMatchObject({
          type: "error",
          message: expect.stringMatching(message),
          accepted: 0
        })
      }
      peer.send(good)
      expect(yield* peer.next).toEqual({ type: "success", accepted: 1 })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("in batch mode each is named, and bad points cost their neighbours nothing", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const peer = yield* connectBatch(server)
      peer.send(hello("s1"))
      yield* peer.next
      for (
        const [frame, message] of [
          ["{\"type\":\"batch\",\"value\":[NaN]}", /not JSON/],
          [{ type: "metrics" }, /type: expected hello, batch or skip, got "metrics"/],
          [[], /type: expected hello, batch or skip/],
          [{ type: "hello" }, /protocol: is missing/],
          [{ ...hello("s2"), streams: [{ stream: "\ud800", acked: 0, next: 0 }] }, /surrogate/],
          [{ type: "skip", stream: "s1", from: -1, to: 5, reason: "x" }, /from/],
          [{ ...batch("s1", 0, [1]), stream: "x".repeat(129) }, /stream: expected 1 to 128 characters/],
          [{ ...batch("s1", 0, [1]), first: 1.5 }, /first: expected a whole number/],
          [{ ...batch("s1", 0, [1]), value: "1" }, /value: expected an array/],
          [{ ...batch("s1", 0, [1, 2]), time: [1] }, /columns differ in length: series 2, time 1, value 2/]
        ] as const
      ) {
        peer.send(frame)
        expect(yield* peer.next).toMatchObject({
          type: "error",
          code: "bad-frame",
          message: expect.stringMatching(message),
          fatal: false
        })
      }
      peer.send(
        "{\"type\":\"batch\",\"stream\":\"s1\",\"first\":0,\"define\":[{\"id\":1,\"origin\":\"app\",\"metric_type\":\"m\"}," +
          "{\"id\":2,\"origin\":\"\",\"metric_type\":\"m\"},{\"id\":3,\"origin\":\"app\",\"metric_type\":\"m\",\"tags\":{\"__proto__\":\"x\"}}]," +
          "\"series\":[1,1,2,3,1,1],\"time\":[0,1,1,1,1,1e300],\"value\":[1,1e999,3,4,5,6]," +
          "\"fields\":[[4,{\"a\":{\"__proto__\":1}}]]}"
      )
      expect(yield* peer.next).toEqual({
        type: "ack",
        stream: "s1",
        next: 6,
        rejected: [
          [1, "value: expected a finite number"],
          [2, "origin: expected 1 to 255 characters"],
          [3, "tags: the key __proto__ is not allowed"],
          [4, "fields.a: the key __proto__ is not allowed"],
          [5, "time: outside the years 0 to 9999"]
        ]
      })
      expect(yield* storedValues(server, "m")).toEqual([1])
    }).pipe(Effect.provide(memoryStore)))
})

describe("requests on one connection", () => {
  const get = (path: string, ...headers: ReadonlyArray<string>): string =>
    [`GET ${path} HTTP/1.1`, "host: localhost", ...headers, "", ""].join("\r\n")
  const statuses = (answer: string): ReadonlyArray<string> => answer.match(/(?<=HTTP\/1\.1 )\d+/g) ?? []
  const h2c = ["connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABkAARAAAAAAAIAAAAA"]

  it.scopedLive("that are sent without waiting are all answered, in their order", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const lines = Array.from({ length: 3_000 }, (_, i) => get(i % 3 === 0 ? "/api/latest" : i % 3 === 1 ? "/n" : "/"))
      const answer = yield* exchange(server, `${lines.join("")}${get("/api/status", "connection: close")}`)
      expect(statuses(answer)).toEqual([...lines.map((_, i) => i % 3 === 1 ? "404" : "200"), "200"])
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("that came whole are answered before what follows them and is no request", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const body = JSON.stringify(good)
      const bytes = `${head(`content-length: ${body.length}`)}${body}${get("/healthz")}nonsense\r\n\r\n`
      const answer = yield* exchange(server, bytes)
      expect(statuses(answer)).toEqual(["200", "200", "400"])
      expect(yield* storedValues(server, "m")).toEqual([1])
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("that offer HTTP/2 instead are answered in HTTP/1.1, with their body and after those before them", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const body = JSON.stringify(good)
      expect(yield* exchange(server, get("/healthz", ...h2c))).toMatch(/^HTTP\/1\.1 200 .*"ok"/s)
      const posted = yield* exchange(server, `${head(`content-length: ${body.length}`, ...h2c)}${body}`)
      expect(posted).toMatch(/^HTTP\/1\.1 200 .*"accepted":1/s)
      const late = yield* exchange(server, head(`content-length: ${body.length}`, ...h2c), (socket) => {
        setTimeout(() => socket.write(body), 100)
      })
      expect(late).toMatch(/^HTTP\/1\.1 200 .*"accepted":1/s)
      expect(statuses(yield* exchange(server, `${get("/nothing")}${get("/healthz", ...h2c)}`))).toEqual(["404", "200"])
      expect(yield* storedValues(server, "m")).toEqual([1, 1])
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("may end in a WebSocket, which waits for the answers before it", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const upgrade = get(
        "/ws/metrics",
        "connection: Upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="
      )
      const answer = yield* exchange(server, `${get("/nothing")}${upgrade}`, (socket) => {
        let seen = ""
        socket.on("data", (chunk: Buffer) => {
          seen += chunk.toString("latin1")
          if (seen.includes(" 101 ")) socket.destroy()
        })
      })
      expect(statuses(answer)).toEqual(["404", "101"])
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive.each(
    [
      ["two hosts", "GET /api/latest HTTP/1.1\r\nhost: localhost\r\nHost: evil.example\r\n\r\n", 400, "bad-request"],
      ["a foreign URL", get("http://evil.example/api/latest"), 403, "foreign-host"],
      ["a foreign URL with a local name in it", get("http://localhost@evil.example/healthz"), 403, "foreign-host"],
      ["another path than that of the socket", get("/", "connection: Upgrade", "upgrade: websocket"), 404, "not-found"],
      [
        "a handshake without a key",
        get("/ws/metrics", "connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 13"),
        400,
        "bad-handshake"
      ],
      [
        "a handshake of another version",
        get("/ws/metrics", "connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 99"),
        400,
        "bad-handshake"
      ]
    ] as const
  )("with %s are refused", ([, bytes, status, code]) =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const answer = yield* exchange(server, bytes, (socket) => socket.once("data", () => socket.end()))
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} .*"code":"${code}"`, "s"))
      if (code === "bad-handshake") expect(answer).toMatch(/sec-websocket-version: 13/i)
      expect(yield* request(server, "/healthz")).toMatchObject({ status: 200 })
    }).pipe(Effect.provide(memoryStore)))

  it.scopedLive("with a whole URL of this server are answered", () =>
    Effect.gen(function*() {
      const server = yield* startServer()
      const answer = yield* exchange(server, get("http://localhost/api/latest", "connection: close"))
      expect(statuses(answer)).toEqual(["200"])
    }).pipe(Effect.provide(memoryStore)))
})
