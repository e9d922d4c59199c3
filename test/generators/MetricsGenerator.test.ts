import { describe, expect, expectTypeOf, it } from "@effect/vitest"
import { Chunk, Context, Data, Effect, Exit, Layer, Random, Schedule, Stream, TestClock } from "effect"
import { GenericMetric } from "../../src/domain/GenericMetric.js"
import { GeneratorError, MetricsGenerator } from "../../src/generators/MetricsGenerator.js"

const metric = (value: number): GenericMetric => new GenericMetric({ origin: "game", metricType: "dice", value })

class Dice extends MetricsGenerator.Tag("dice")<Dice>() {
  static readonly layer = MetricsGenerator.layer(
    this,
    Stream.repeatEffectWithSchedule(Random.nextIntBetween(1, 7), Schedule.fixed("1 second")).pipe(Stream.map(metric))
  )
}

class Constant extends MetricsGenerator.Tag("constant")<Constant>() {
  static readonly layer = MetricsGenerator.layer(this, Stream.make(metric(0)))
}

class Loaded extends Context.Tag("test/Loaded")<Loaded, { readonly value: number }>() {}

class Failing extends MetricsGenerator.Tag("failing")<Failing>() {
  static readonly layerOf = (error: unknown) => MetricsGenerator.layer(this, Stream.fail(error))
}

class Worn extends Data.TaggedError("Worn")<{ readonly message: string }> {}

const failureOf = (error: unknown) =>
  Effect.flatMap(Failing, ({ generateMetrics }) => Effect.flip(Stream.runDrain(generateMetrics))).pipe(
    Effect.provide(Failing.layerOf(error))
  )

describe("MetricsGenerator", () => {
  it.effect("makes a generator of any Stream, named as its tag", () =>
    Effect.gen(function*() {
      const { generateMetrics, name } = yield* Dice
      expect([name, Dice.generatorName]).toEqual(["dice", "dice"])
      const rolling = yield* Effect.fork(Stream.runCollect(Stream.take(generateMetrics, 3)))
      yield* TestClock.adjust("2 seconds")
      const rolled = Chunk.toReadonlyArray(yield* rolling)
      expect(rolled).toHaveLength(3)
      for (const { value } of rolled) expect([1, 2, 3, 4, 5, 6]).toContain(value)
    }).pipe(Effect.provide(Dice.layer)))

  it.effect("keeps generators apart by their tags, where Layers are merged", () =>
    Effect.gen(function*() {
      expect((yield* Constant).name).toBe("constant")
      expect((yield* Dice).name).toBe("dice")
    }).pipe(Effect.provide(Layer.mergeAll(Dice.layer, Constant.layer))))

  it.effect("takes what a Stream requires from the context of its Layer", () =>
    Effect.gen(function*() {
      const layer = MetricsGenerator.layer(Dice, Stream.map(Stream.fromEffect(Loaded), ({ value }) => metric(value)))
      const { generateMetrics } = yield* Effect.provide(Dice, Layer.provide(layer, Layer.succeed(Loaded, { value: 6 })))
      expect(Chunk.toReadonlyArray(yield* Stream.runCollect(generateMetrics))).toEqual([metric(6)])
    }))

  it.effect("turns every failure into a GeneratorError that keeps its cause", () =>
    Effect.gen(function*() {
      const worn = new Worn({ message: "no edges left" })
      expect(yield* failureOf(worn)).toMatchObject({
        _tag: "GeneratorError",
        generator: "failing",
        message: "no edges left",
        cause: worn
      })
      expect((yield* failureOf("text")).message).toBe("text")
      const own = new GeneratorError({ generator: "failing", message: "mine" })
      expect(yield* failureOf(own)).toBe(own)
    }))

  it.effect("leaves defects what they are", () =>
    Effect.gen(function*() {
      const { generateMetrics } = yield* MetricsGenerator.make("broken", Stream.die("bug"))
      expect(Exit.causeOption(yield* Effect.exit(Stream.runDrain(generateMetrics)))).toMatchObject({
        value: { _tag: "Die", defect: "bug" }
      })
    }))

  it.effect("runs its stream anew each time", () =>
    Effect.gen(function*() {
      const { generateMetrics } = yield* Constant
      expect(yield* Stream.runCount(generateMetrics)).toBe(1)
      expect(yield* Stream.runCount(generateMetrics)).toBe(1)
    }).pipe(Effect.provide(Constant.layer)))

  it("makes a forgotten Layer a compile error: the program still requires it", () => {
    const forgotten = Effect.provide(Effect.zip(Dice, Constant), Constant.layer)
    expectTypeOf<Effect.Effect.Context<typeof forgotten>>().toEqualTypeOf<Dice>()
    const complete = Effect.provide(forgotten, Dice.layer)
    expectTypeOf<Effect.Effect.Context<typeof complete>>().toBeNever()
    const ofStream = MetricsGenerator.layer(Dice, Stream.map(Stream.fromEffect(Loaded), ({ value }) => metric(value)))
    expectTypeOf(ofStream).toEqualTypeOf<Layer.Layer<Dice, never, Loaded>>()
    // @ts-expect-error: a Stream of something else
    MetricsGenerator.layer(Dice, Stream.make(1))
  })
})
