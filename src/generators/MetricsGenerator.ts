import { Context, Data, Effect, Layer, Stream } from "effect"
import type { GenericMetric } from "../domain/GenericMetric.js"

/** A generator could not go on. The pipeline counts it, logs it once and starts the generator again. */
export class GeneratorError extends Data.TaggedError("GeneratorError")<{
  /** Name of the generator. */
  readonly generator: string
  /** What went wrong, for the person who must act on it. */
  readonly message: string
  readonly cause?: unknown
}> {}

/**
 * A source of metrics: a typed Stream under a name, provided as a Layer.
 *
 * It emits one Chunk a tick (Effect runs per chunk, so a chunk of a thousand
 * metrics costs as much as a chunk of one). A stream that ends is done and is
 * not started again; one that fails is.
 */
export interface MetricsGenerator {
  /** Names the generator in logs, counters and losses. */
  readonly name: string
  readonly generateMetrics: Stream.Stream<GenericMetric, GeneratorError>
  /**
   * Asks the stream to end after what the generator still holds: called once,
   * when the pipeline stops. A generator that holds nothing needs none: its
   * stream is interrupted.
   */
  readonly close?: Effect.Effect<void> | undefined
}

const toGeneratorError = (generator: string) => (cause: unknown): GeneratorError =>
  cause instanceof GeneratorError ? cause : new GeneratorError({
    generator,
    message: cause instanceof Error ? cause.message : String(cause),
    cause
  })

/** Builds a generator from a name and any Stream, taking the Stream's requirements from the context. */
const make = <E, R>(
  name: string,
  stream: Stream.Stream<GenericMetric, E, R>
): Effect.Effect<MetricsGenerator, never, R> =>
  Effect.map(Effect.context<R>(), (context) => ({
    name,
    generateMetrics: stream.pipe(Stream.mapError(toGeneratorError(name)), Stream.provideContext(context))
  }))

/**
 * Makes the tag of a generator. Every generator has a tag of its own, because
 * `Layer.mergeAll` of two Layers of one tag keeps only the last.
 *
 * ```ts
 * class Dice extends MetricsGenerator.Tag("dice")<Dice>() {}
 * ```
 *
 * A generator that offers more than its stream names its shape as the second
 * type argument.
 */
const Tag =
  <const Name extends string>(name: Name) =>
  <Self, Shape extends MetricsGenerator = MetricsGenerator>(): GeneratorTagClass<Self, Name, Shape> =>
    Object.assign(Context.Tag(`metrics-collector/generators/${name}`)<Self, Shape>(), { generatorName: name })

/** The class that `MetricsGenerator.Tag` makes: a Context tag that knows its generator's name. */
export type GeneratorTagClass<Self, Name extends string, Shape extends MetricsGenerator> =
  & Context.TagClass<Self, `metrics-collector/generators/${Name}`, Shape>
  & { readonly generatorName: Name }

/** Provides a generator from any Stream. Its failures, whatever their type, become {@link GeneratorError}s. */
const layer = <Self, E, R>(
  tag: Context.Tag<Self, MetricsGenerator> & { readonly generatorName: string },
  stream: Stream.Stream<GenericMetric, E, R>
): Layer.Layer<Self, never, R> => Layer.effect(tag, make(tag.generatorName, stream))

/** How to write a generator: `Tag` for its tag, `layer` to provide it from a Stream, `make` to build it by hand. */
export const MetricsGenerator = { Tag, layer, make }
