import Sqlite from "better-sqlite3"
import { createServer } from "node:http"
import * as path from "node:path"
import { WebSocketServer } from "ws"
import { answerWords, bytesReceived, cpuSeconds, tell } from "./Talk.js"

// The least that a server in plain Node can do which answers a batch when it is
// on disk: parse it, write it as one row, commit with synchronous=FULL, answer.
// It checks nothing and can answer no query. `CeilingServer <data directory>`.

const [, , dataDir] = process.argv

const db = new Sqlite(path.join(dataDir, "ceiling.db"))
db.pragma("journal_mode = WAL")
db.pragma("synchronous = FULL")
db.exec("CREATE TABLE log (seq INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT")
const insert = db.prepare<[Buffer]>("INSERT INTO log (data) VALUES (?)")
const begin = db.prepare("BEGIN IMMEDIATE")
const commit = db.prepare("COMMIT")

interface Waiting {
  readonly data: Buffer
  readonly answer: (count: number) => void
}

let waiting: Array<Waiting> = []

const countOf = (data: Buffer): number => {
  const parsed: unknown = JSON.parse(data.toString("utf8"))
  if (Array.isArray(parsed)) return parsed.length
  if (typeof parsed === "object" && parsed !== null && "series" in parsed && Array.isArray(parsed.series)) {
    return parsed.series.length
  }
  throw new Error("no batch")
}

// What came in one turn of the event loop shares a commit: one wait for the disk.
const commitAll = (): void => {
  const group = waiting
  waiting = []
  const counts: Array<number> = []
  begin.run()
  for (const { data } of group) {
    counts.push(countOf(data))
    insert.run(data)
  }
  commit.run()
  group.forEach(({ answer }, i) => answer(counts[i]))
}

const take = (data: Buffer, answer: (count: number) => void): void => {
  waiting.push({ data, answer })
  if (waiting.length === 1) setImmediate(commitAll)
}

const answerOf = (count: number): string => `{"type":"success","accepted":${count}}`

const server = createServer((request, response) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => take(Buffer.concat(chunks), (count) => response.end(answerOf(count))))
})
new WebSocketServer({ server, perMessageDeflate: false }).on("connection", (ws) => {
  ws.on("message", (data) => {
    if (Buffer.isBuffer(data)) take(data, (count) => ws.send(answerOf(count)))
  })
})

await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
const address = server.address()
tell({ port: typeof address === "object" && address !== null ? address.port : 0 })
answerWords(() => Promise.resolve({ cpu: cpuSeconds(), bytes: bytesReceived() }))
