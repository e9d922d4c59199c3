import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { makeSharedWork } from "../../../src/server/reading/SharedWork.js"

/** Work that ends when it is told to, and what became of each. */
const makeWork = Effect.map(Deferred.make<void>(), (go) => {
  const seen = { begun: 0, interrupted: 0, released: 0 }
  const work = Effect.gen(function*() {
    const own = ++seen.begun
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        seen.released++
      })
    )
    yield* Effect.onInterrupt(Deferred.await(go), () =>
      Effect.sync(() => {
        seen.interrupted++
      }))
    return own
  })
  return { go, seen, work }
})

const settle = Effect.repeatN(Effect.yieldNow(), 20)

describe("work that is shared", () => {
  it.scoped("is done once for all who ask before it begins, and once more for those who come later", () =>
    Effect.gen(function*() {
      const { go, seen, work } = yield* makeWork
      const shared = yield* makeSharedWork<number, never>(1)
      const ask = Effect.scoped(shared.share("a", work))
      const first = yield* Effect.fork(ask)
      yield* settle
      const later = yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.fork(ask))
      yield* settle
      expect(seen.begun).toBe(1)
      yield* Deferred.succeed(go, undefined)
      expect(yield* Fiber.join(first)).toBe(1)
      expect(new Set(yield* Fiber.join(Fiber.all(later)))).toEqual(new Set([2]))
      expect(seen).toEqual({ begun: 2, interrupted: 0, released: 2 })
    }))

  it.scoped("goes on when one of its askers leaves, and ends with the last", () =>
    Effect.gen(function*() {
      const { go, seen, work } = yield* makeWork
      const shared = yield* makeSharedWork<number, never>(1)
      const ask = Effect.scoped(shared.share("a", work))
      const askers = yield* Effect.forEach(Array.from({ length: 3 }), () => Effect.fork(ask))
      yield* settle
      yield* Fiber.interrupt(askers[0])
      expect(seen).toEqual({ begun: 1, interrupted: 0, released: 0 })
      yield* Fiber.interruptAll(askers)
      expect(seen).toEqual({ begun: 1, interrupted: 1, released: 1 })
      yield* Deferred.succeed(go, undefined)
      expect(yield* ask).toBe(2)
    }))

  it.scoped("keeps its result until the last asker has let go of it", () =>
    Effect.gen(function*() {
      const { go, seen, work } = yield* makeWork
      const shared = yield* makeSharedWork<number, never>(1)
      yield* Deferred.succeed(go, undefined)
      yield* Effect.scoped(Effect.zipRight(
        shared.share("a", work),
        Effect.zipRight(settle, Effect.sync(() => expect(seen.released).toBe(0)))
      ))
      expect(seen.released).toBe(1)
    }))

  it.scoped("of different keys is done as often at a time as was said, of one key one after the other", () =>
    Effect.gen(function*() {
      const { go, seen, work } = yield* makeWork
      const shared = yield* makeSharedWork<number, never>(2)
      const asked = yield* Effect.forEach(
        ["a", "a", "b", "c"],
        (key) => Effect.zipLeft(Effect.fork(Effect.scoped(shared.share(key, work))), settle)
      )
      expect(seen.begun).toBe(2)
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(Fiber.all(asked))
      expect(seen.begun).toBe(4)
    }))

  it.scoped("fails for all who wait for it, and not for those who come later", () =>
    Effect.gen(function*() {
      const shared = yield* makeSharedWork<number, string>(1)
      const failing = Effect.scoped(shared.share("a", Effect.zipRight(settle, Effect.fail("no"))))
      const exits = yield* Effect.all([Effect.exit(failing), Effect.exit(failing)], { concurrency: "unbounded" })
      expect(exits).toEqual([Exit.fail("no"), Exit.fail("no")])
      expect(yield* Effect.scoped(shared.share("a", Effect.succeed(1)))).toBe(1)
    }))
})
