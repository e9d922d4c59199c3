import { parentPort } from "node:worker_threads"
import { lowerPriority } from "../../src/store/query/lowerPriority.js"

// A thread that keeps a processor busy while it was told `true` last, at the priority of one that reads for queries,
// in slices as long as its own. It allocates nothing and reads nothing.

const port = parentPort
if (port === null) throw new Error("is to be started as a worker")

lowerPriority()

const slice = 5
let busy = false

const turn = (): void => {
  const end = performance.now() + slice
  while (performance.now() < end);
  if (busy) setImmediate(turn)
}

port.on("message", (told: unknown) => {
  if (busy === false && told === true) setImmediate(turn)
  busy = told === true
})
