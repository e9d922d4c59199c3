import { createHook } from "node:async_hooks"
import childProcess from "node:child_process"
import * as fs from "node:fs"
import { Session } from "node:inspector"
import { syncBuiltinESMExports } from "node:module"

// Loaded into a program before its first line (`node --import`): writes down what the program does that costs
// something, and appends a line of JSON to the file in `OBSERVER_REPORT` at SIGUSR2 and at the end.

const scripts: Array<string> = []
const session = new Session()
session.connect()
session.on("Debugger.scriptParsed", ({ params: { url } }) => {
  if (url.startsWith("file://")) scripts.push(url)
})
session.post("Debugger.enable")

let processes = 0
let threads = 0
let wakes = 0
// What follows from something else, and what asks for a report.
const follows = new Set(["PROMISE", "TickObject", "Microtask", "SIGNALWRAP"])
// Timers, sockets, files: what is called from without. The turns of the event loop tell less, because the garbage
// collector takes thousands of them when there is nothing else to do.
const sources = new Set<number>()
createHook({
  init(id, type) {
    if (type === "PROCESSWRAP") processes++
    if (type === "WORKER") threads++
    if (!follows.has(type)) sources.add(id)
  },
  before(id) {
    if (sources.has(id)) wakes++
  },
  destroy(id) {
    sources.delete(id)
  }
}).enable()

// What waits for its process has no part in the event loop.
for (const name of ["spawnSync", "execSync", "execFileSync"] as const) {
  const original = childProcess[name]
  Object.defineProperty(childProcess, name, {
    value: (...words: ReadonlyArray<unknown>): unknown => {
      processes++
      return Reflect.apply(original, childProcess, words)
    }
  })
}
syncBuiltinESMExports()

const report = (): void => {
  const { OBSERVER_REPORT } = process.env
  if (OBSERVER_REPORT === undefined) return
  fs.appendFileSync(OBSERVER_REPORT, `${JSON.stringify({ scripts, processes, threads, wakes })}\n`)
}
process.on("SIGUSR2", report)
process.on("exit", report)
