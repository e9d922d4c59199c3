import { Data, Effect, Either } from "effect"
import { decoders } from "./fuzz/Decoders.js"
import { type Finding, type FuzzCount, makeInput, tryInput } from "./fuzz/FuzzRun.js"
import { fuzzedServer, ServerFinding } from "./fuzz/FuzzServer.js"
import { Mutator } from "./fuzz/Mutator.js"

// Throws bad input at the real decoders, and for a fifth of the time at a running
// server over sockets: `npm run fuzz -- --minutes 10 [--seed 1]`. Ends with 1 at the
// first that throws, hangs, or takes what does not come back as it was, and prints
// how to try it again: `npm run fuzz -- --replay DECODER BASE64`.

class Misuse extends Data.TaggedError("Misuse")<{ readonly message: string }> {}

class Found extends Data.TaggedError("Found")<{ readonly message: string }> {}

const told = ({ decoder, input, problem }: Finding): Found =>
  new Found({
    message: `${decoder}: ${problem}\ntry it again:\n` +
      `  npm run fuzz -- --replay ${JSON.stringify(decoder)} ${input.toString("base64")}`
  })

const inputsATurn = 500
const connectionsATurn = 40

const fuzz = (minutes: number, seed: number): Effect.Effect<void, unknown> =>
  Effect.scoped(Effect.gen(function*() {
    const mutator = new Mutator(seed)
    const server = yield* fuzzedServer
    const counts = new Map<string, FuzzCount>(
      decoders.map(({ name }) => [name, { inputs: 0, accepted: 0, slowest: 0 }])
    )
    let connections = 0
    const end = performance.now() + minutes * 60_000
    let largest = 0
    yield* Effect.sync(() => console.log(`seed ${seed}, ${minutes} minutes, ${decoders.length} decoders and a server`))
    while (performance.now() < end) {
      const begun = performance.now()
      for (const decoder of decoders) {
        const count = counts.get(decoder.name)
        if (count === undefined) continue
        for (let i = 0; i < inputsATurn; i++) {
          const finding = tryInput(decoder, makeInput(decoder, mutator), count)
          if (finding !== undefined) return yield* told(finding)
        }
      }
      const share = (performance.now() - begun) / 4
      const until = performance.now() + share
      while (performance.now() < until) {
        yield* Effect.all(Array.from({ length: connectionsATurn }, () => server.once(mutator)), {
          concurrency: 10,
          discard: true
        })
        connections += connectionsATurn
      }
      yield* server.check
      largest = Math.max(largest, process.memoryUsage.rss())
    }
    yield* Effect.sync(() => {
      for (const [name, { accepted, inputs, slowest }] of counts) {
        const share = (100 * accepted / inputs).toFixed(0)
        console.log(`${name.padEnd(28)} ${inputs} inputs, ${share} % taken, slowest ${slowest.toFixed(1)} ms`)
      }
      console.log(`${"server".padEnd(28)} ${connections} connections`)
      console.log(`nothing found; at most ${Math.round(largest / 1_048_576)} MiB`)
    })
  }))

const replay = (name: string, base64: string): Effect.Effect<void, Misuse | Found> =>
  Effect.gen(function*() {
    const decoder = decoders.find((one) => one.name === name)
    if (decoder === undefined) {
      return yield* new Misuse({
        message: `no decoder is called ${name}: ${decoders.map((one) => one.name).join(", ")}`
      })
    }
    const count: FuzzCount = { inputs: 0, accepted: 0, slowest: 0 }
    const finding = tryInput(decoder, Buffer.from(base64, "base64"), count)
    if (finding !== undefined) return yield* told(finding)
    yield* Effect.sync(() => console.log(count.accepted === 1 ? "taken, and comes back as it was" : "refused"))
  })

const numberAfter = (words: ReadonlyArray<string>, name: string, otherwise: number): Either.Either<number, Misuse> => {
  const at = words.indexOf(name)
  const value = at < 0 ? otherwise : Number(words[at + 1])
  return value > 0 ? Either.right(value) : Either.left(new Misuse({ message: `${name}: expected a number above 0` }))
}

const main = (words: ReadonlyArray<string>): Effect.Effect<void, unknown> =>
  Effect.gen(function*() {
    const at = words.indexOf("--replay")
    if (at >= 0) return yield* replay(words[at + 1] ?? "", words[at + 2] ?? "")
    const minutes = yield* numberAfter(words, "--minutes", 1)
    const seed = yield* numberAfter(words, "--seed", Date.now() % 1_000_000_000 + 1)
    yield* fuzz(minutes, seed)
  })

const failed = (error: unknown): void => {
  console.error(error instanceof Error ? error.message : String(error))
  if (error instanceof ServerFinding) {
    console.error("the last inputs, newest last, each the bytes of one connection:")
    for (const input of error.inputs) console.error(input.toString("base64"))
  }
  process.exitCode = 1
}

Effect.runPromise(main(process.argv.slice(2))).catch((error: unknown) => failed(error))
