import { Either } from "effect"
import { parentPort, workerData } from "node:worker_threads"
import { storeError } from "../log/GroupCommit.js"
import type { QueryError } from "../MetricStore.js"
import { lowerPriority } from "./lowerPriority.js"
import { nextScan } from "./nextScan.js"
import { transferOf } from "./PackedPoints.js"
import { judgePatterns } from "./PatternJudge.js"
import { type Scan, ScannedFile, type ScannedSeries } from "./Scan.js"
import { TextMemory } from "./TextMemory.js"
import { type AnswerPiece, type FromWorker, piecesOf, type ToWorker, unpackRequest } from "./WorkerMessages.js"

// The thread that reads for the queries of one store: what it is told and what
// it answers stands in WorkerMessages.ts. Its data is the path of the file.

const port = parentPort
const path: unknown = workerData
if (port === null || typeof path !== "string") throw new Error("is to be started as a worker, with the path of a store")

// What is to be stored has somebody waiting for it who sends more; a query may take a little longer.
lowerPriority()

interface Job {
  readonly scan: Scan
  readonly asked: Extract<ToWorker, { readonly type: "scan" }>
}

const file = new ScannedFile(path)
const memory = new TextMemory()
const named = new Map<number, Array<ScannedSeries>>()
// In the order of their next slice.
const scans = new Map<number, Job>()
const answers = new Map<number, Iterator<AnswerPiece, undefined>>()

const send = (message: FromWorker, transfer: ReadonlyArray<ArrayBuffer> = []): void =>
  port.postMessage(message, Array.from(transfer))

const forget = (id: number): void => {
  named.delete(id)
  scans.get(id)?.scan.end()
  scans.delete(id)
  answers.delete(id)
}

const refuse = (id: number, { message, reason }: QueryError): void => {
  forget(id)
  send({ type: "refused", id, reason, message })
}

/** Works on a job; whatever is thrown ends that job alone. */
const attempt = (id: number, run: () => void): void => {
  try {
    run()
  } catch (cause) {
    forget(id)
    const { message, reason } = storeError(cause)
    send({ type: "failed", id, reason, message })
  }
}

const sendPiece = (id: number, pieces: Iterator<AnswerPiece, undefined>): void => {
  const { value: piece } = pieces.next()
  if (piece === undefined) return
  const isText = piece.type === "text"
  if ((isText ? piece : piece.part).end === undefined) answers.set(id, pieces)
  else forget(id)
  send({ ...piece, id }, isText ? [piece.bytes.buffer] : transferOf(piece.part.points))
}

const step = (id: number, job: Job): void => {
  const { asked, scan } = job
  const answer = scan.step()
  if (answer === undefined) {
    // Behind the others: a long one holds up a short one by slices only.
    scans.delete(id)
    scans.set(id, job)
    return
  }
  scan.end()
  scans.delete(id)
  if (Either.isLeft(answer)) refuse(id, answer.left)
  else sendPiece(id, piecesOf(answer.right, scan.damaged, asked, memory))
}

let turning = false

const turn = (): void => {
  const id = nextScan(scans)
  const job = id === undefined ? undefined : scans.get(id)
  if (id !== undefined && job !== undefined) attempt(id, () => step(id, job))
  turning = scans.size > 0
  if (turning) setImmediate(turn)
}

const take = (message: ToWorker): void => {
  if (message.type === "close") {
    scans.clear()
    file.close()
    port.close()
    return
  }
  if (message.type === "spent") {
    for (const room of message.rooms) memory.give(room)
    return
  }
  const { id } = message
  attempt(id, () => {
    switch (message.type) {
      case "series": {
        const known = named.get(id) ?? []
        for (const series of unpackRequest(message.part)) known.push(series)
        named.set(id, known)
        return
      }
      case "scan": {
        const begun = file.begin({ query: message.query, series: named.get(id) ?? [] })
        named.delete(id)
        if (Either.isLeft(begun)) return refuse(id, begun.left)
        scans.set(id, { scan: begun.right, asked: message })
        if (!turning) setImmediate(turn)
        turning = true
        return
      }
      case "more": {
        const pieces = answers.get(id)
        if (pieces !== undefined) sendPiece(id, pieces)
        return
      }
      case "judge": {
        const judged = judgePatterns(message.questions)
        if (Either.isLeft(judged)) refuse(id, judged.left)
        else send({ type: "judged", id, verdicts: judged.right })
        return
      }
      case "end":
        forget(id)
        send({ type: "ended", id })
    }
  })
}

port.on("message", take)
