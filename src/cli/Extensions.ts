import { Context, Effect, Layer, type Scope } from "effect"
import type { MetricsGenerator } from "../generators/MetricsGenerator.js"
import { type CliFailure, failure, messageOf } from "./CliFailure.js"

/**
 * Generators that a program of the user's own adds to the command: their tags,
 * and a Layer that provides all of them.
 */
export interface Extension<G extends ReadonlyArray<Effect.Effect<MetricsGenerator, never, unknown>>, E> {
  readonly generators: G
  readonly layer: Layer.Layer<Effect.Effect.Context<G[number]>, E>
}

/** Builds the user's generators beside our own, sharing what both need. */
export class Extensions extends Context.Tag("metrics-collector/cli/Extensions")<Extensions, {
  readonly build: (
    memoMap: Layer.MemoMap
  ) => Effect.Effect<ReadonlyArray<MetricsGenerator>, CliFailure, Scope.Scope>
}>() {}

/** The command without additions. */
export const noExtensions: Layer.Layer<Extensions> = Layer.succeed(Extensions, { build: () => Effect.succeed([]) })

/** Provides the user's additions. */
export function extensionsLayer<const G extends ReadonlyArray<Effect.Effect<MetricsGenerator, never, unknown>>, E>(
  extension: Extension<G, E>
): Layer.Layer<Extensions>
export function extensionsLayer<R, E>(extension: {
  readonly generators: ReadonlyArray<Effect.Effect<MetricsGenerator, never, R>>
  readonly layer: Layer.Layer<R, E>
}): Layer.Layer<Extensions> {
  return Layer.succeed(Extensions, {
    build: (memoMap) =>
      Effect.gen(function*() {
        const scope = yield* Effect.scope
        const context = yield* Layer.buildWithMemoMap(extension.layer, memoMap, scope).pipe(
          Effect.mapError((error) => failure(`a generator of this program could not start: ${messageOf(error)}`))
        )
        return yield* Effect.provide(Effect.all(extension.generators), context)
      })
  })
}
