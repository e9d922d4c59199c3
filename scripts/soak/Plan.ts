import { Effect, Random } from "effect"

/** Programs of a soak: the server, and four that produce. */
export type Role = "server" | Producer

/**
 * - `agent`: `run --stdin`, fed line by line
 * - `embedded`: a program of its own around the sender, on an outbox so small that it blocks in outages
 * - `dropping`: the same, but its full outbox drops the oldest
 * - `send`: `send --stdin` with an outbox, again and again
 */
export type Producer = typeof producers[number]

/** Every producer of a soak. */
export const producers = ["agent", "embedded", "dropping", "send"] as const

/** `up`: to the server, `down`: to the collector. */
export type Direction = "up" | "down"

/** Programs whose disk can become full. */
export type DiskRole = "server" | "embedded"

/**
 * What is done to a running soak. `millis` is how long it lasts; of a program
 * that ends, how long it stays away.
 *
 * - `reset`, `cut`: every connection ends, by RST or by FIN
 * - `reset-after`: each connection ends by RST once it has carried so many bytes more
 * - `half-open`: one side of every connection goes away, and the other is not told
 * - `stall`: nothing moves in a direction, `slow`: little does, `delay`: everything comes later
 * - `swallow`: what is sent in a direction disappears, then the connections end
 * - `refuse`: nobody listens, `reject`: connections are accepted and reset
 * - `no-sockets`: WebSockets are answered 503, HTTP goes through
 * - `kill`, `terminate`, `freeze`: SIGKILL, SIGTERM, SIGSTOP until SIGCONT
 * - `disk-full`: next to nothing is free where the program has its data
 */
export type Fault =
  | { readonly kind: "reset" | "cut" }
  | { readonly kind: "reset-after"; readonly direction: Direction; readonly bytes: number; readonly millis: number }
  | { readonly kind: "half-open"; readonly gone: "server" | "collector"; readonly millis: number }
  | { readonly kind: "stall" | "swallow"; readonly direction: Direction; readonly millis: number }
  | { readonly kind: "slow"; readonly bytesPerSecond: number; readonly millis: number }
  | { readonly kind: "delay"; readonly delayMillis: number; readonly millis: number }
  | { readonly kind: "refuse" | "reject" | "no-sockets"; readonly millis: number }
  | { readonly kind: "kill" | "terminate" | "freeze"; readonly role: Role; readonly millis: number }
  | { readonly kind: "disk-full"; readonly role: DiskRole; readonly millis: number }

/** A fault of the network between the collectors and the server. */
export type NetworkFault = Exclude<Fault, { readonly role: Role }>

/** A fault and when it begins, ms after the start. */
export interface PlannedFault {
  readonly at: number
  readonly fault: Fault
}

/** What a fault is counted as. */
export const nameOf = (fault: Fault): string => {
  switch (fault.kind) {
    case "reset-after":
    case "stall":
    case "swallow":
      return `${fault.kind} ${fault.direction}`
    case "half-open":
      return `half-open, ${fault.gone} gone`
    case "kill":
      return `kill -9 ${fault.role}`
    case "terminate":
    case "freeze":
    case "disk-full":
      return `${fault.kind} ${fault.role}`
    default:
      return fault.kind
  }
}

const between = (from: number, to: number): Effect.Effect<number> => Random.nextIntBetween(from, to)

const oneOf = <A>(choices: readonly [A, ...ReadonlyArray<A>]): Effect.Effect<A> =>
  Effect.map(Random.nextIntBetween(0, choices.length), (at) => choices[at] ?? choices[0])

const anyRole = oneOf<Role>(["server", "server", ...producers])

const anyDirection = oneOf<Direction>(["up", "down"])

const lasting = <K>(kind: K, from: number, to: number) => Effect.map(between(from, to), (millis) => ({ kind, millis }))

const toRole = (kind: "kill" | "terminate" | "freeze", to: number): Effect.Effect<Fault> =>
  Effect.zipWith(anyRole, between(0, to), (role, millis) => ({ kind, role, millis }))

const directed = (kind: "stall" | "swallow", to: number): Effect.Effect<Fault> =>
  Effect.zipWith(anyDirection, between(200, to), (direction, millis) => ({ kind, direction, millis }))

/** How often, against each other, and what. */
const choices: ReadonlyArray<readonly [weight: number, make: Effect.Effect<Fault>]> = [
  [10, toRole("kill", 2_500)],
  [4, toRole("terminate", 1_500)],
  [2, toRole("freeze", 3_000)],
  [4, Effect.succeed({ kind: "reset" })],
  [2, Effect.succeed({ kind: "cut" })],
  [
    4,
    Effect.zipWith(anyDirection, between(1, 200_000), (direction, bytes) => ({
      kind: "reset-after",
      direction,
      bytes,
      millis: 2_000
    }))
  ],
  [
    2,
    Effect.zipWith(oneOf<"server" | "collector">(["server", "collector"]), between(500, 4_000), (gone, millis) => ({
      kind: "half-open",
      gone,
      millis
    }))
  ],
  [3, directed("stall", 3_000)],
  [3, directed("swallow", 2_000)],
  [2, Effect.map(between(20_000, 200_000), (bytesPerSecond) => ({ kind: "slow", bytesPerSecond, millis: 3_000 }))],
  [2, Effect.map(between(20, 600), (delayMillis) => ({ kind: "delay", delayMillis, millis: 3_000 }))],
  [2, lasting("refuse", 200, 4_000)],
  [2, lasting("reject", 200, 3_000)],
  [2, lasting("no-sockets", 2_000, 12_000)],
  [
    2,
    Effect.zipWith(oneOf<DiskRole>(["server", "embedded"]), between(500, 4_000), (role, millis) => ({
      kind: "disk-full",
      role,
      millis
    }))
  ]
]

const total = choices.reduce((sum, [weight]) => sum + weight, 0)

const anyFault: Effect.Effect<Fault> = Effect.flatMap(between(0, total), (drawn) => {
  let left = drawn
  for (const [weight, make] of choices) {
    if (left < weight) return make
    left -= weight
  }
  return choices[0][1]
})

/**
 * The faults of a soak of so many ms, in their order: storms of up to half a
 * minute, and calms between them in which delivery catches up. The same seed
 * gives the same plan.
 */
export const makePlan = (seed: number, duration: number): Effect.Effect<ReadonlyArray<PlannedFault>> =>
  Effect.gen(function*() {
    const plan: Array<PlannedFault> = []
    let at = 2_000
    while (at < duration) {
      const stormEnd = Math.min(duration, at + (yield* between(10_000, 30_000)))
      while (at < stormEnd) {
        plan.push({ at, fault: yield* anyFault })
        at += yield* between(200, 2_500)
      }
      at += yield* between(6_000, 15_000)
    }
    return plan
  }).pipe(Effect.withRandom(Random.make(seed)))
