import { createServer } from "node:http"
import { answerWords, tell } from "../delivery/Talk.js"

// The least that a receiver of OTLP on Node.js must do: read a body, parse its JSON, look at every point, answer.
// It keeps nothing. The process that started it reads what it needs.

interface Points {
  count: number
}

const countPoints = (value: unknown, points: Points): void => {
  if (Array.isArray(value)) {
    for (const one of value) countPoints(one, points)
  } else if (value instanceof Object) {
    if ("asDouble" in value && typeof value.asDouble === "number") points.count++
    else for (const one of Object.values(value)) countPoints(one, points)
  }
}

const points: Points = { count: 0 }

const server = createServer((request, response) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    countPoints(JSON.parse(Buffer.concat(chunks).toString("utf8")), points)
    response.setHeader("content-type", "application/json")
    response.end("{\"partialSuccess\":{}}")
  })
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  tell({ port: address instanceof Object ? address.port : 0, pid: process.pid })
})
answerWords(() => Promise.resolve({ points: points.count }))
