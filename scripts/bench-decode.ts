/**
 * What checking a metric at a boundary costs: `npm run bench:decode`. The
 * hand-written guard of `decodeMetric` beside the schema that it must equal,
 * over the same 1,000 metrics, in turns, in one process.
 */
import { Either, Schema } from "effect"
import { decodeMetric } from "../src/domain/decodeMetric.js"
import { GenericMetric } from "../src/domain/GenericMetric.js"

const inputs: ReadonlyArray<unknown> = Array.from({ length: 1_000 }, (_, i) => ({
  origin: "application",
  metric_type: "request_seconds",
  value: i / 7,
  timestamp: 1_700_000_000_000 + i,
  metadata: { host: "web-1", route: `/users/${i % 20}`, status: 200 }
}))

const rounds = 200
const decodeBySchema = Schema.decodeUnknownEither(GenericMetric)

/** CPU microseconds a metric of the best of several rounds; every result is looked at. */
const measure = (decode: (input: unknown) => Either.Either<GenericMetric, unknown>): number => {
  const before = process.cpuUsage()
  let accepted = 0
  for (const input of inputs) if (Either.isRight(decode(input))) accepted++
  const { system, user } = process.cpuUsage(before)
  if (accepted !== inputs.length) throw new Error(`${accepted} of ${inputs.length} were accepted`)
  return (user + system) / inputs.length
}

let guard = Infinity
let schema = Infinity
for (let round = 0; round < rounds; round++) {
  guard = Math.min(guard, measure(decodeMetric))
  schema = Math.min(schema, measure(decodeBySchema))
}

console.log(`decodeMetric   ${guard.toFixed(3)} µs a metric`)
console.log(`the schema     ${schema.toFixed(3)} µs a metric`)
console.log(`ratio          ${(schema / guard).toFixed(1)}`)
