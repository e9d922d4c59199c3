/**
 * What accepting a metric costs: `sendMetric` from 1,000 concurrent callers and
 * `sendMetrics` of 1,000, on an outbox on disk whose server is away, beside a
 * bare push into an array. On a machine that does other work too, look at the
 * CPU time.
 *
 *     npm run bench:sender -- [rounds]
 */
import { Console, Effect } from "effect"
import { senderCosts } from "./delivery/SenderCost.js"

const program = Effect.flatMap(
  senderCosts(Number(process.argv[2] ?? 200)),
  (costs) =>
    Effect.forEach(costs, ({ best, cpu, name, wall }) =>
      Console.log(
        `${name.padEnd(36)} ${wall.toFixed(3)} µs (best ${best.toFixed(3)}), CPU ${cpu.toFixed(3)} µs`
      ), { discard: true })
)

await Effect.runPromise(program)
