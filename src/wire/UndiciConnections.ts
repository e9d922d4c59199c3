import type { HttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { Agent } from "@effect/platform-node/Undici"
import { Effect, Layer } from "effect"

const dispatcherTrusting = (ca: string): Layer.Layer<NodeHttpClient.Dispatcher> =>
  Layer.scoped(
    NodeHttpClient.Dispatcher,
    Effect.acquireRelease(
      Effect.sync(() => new Agent({ connect: { ca } })),
      (agent) => Effect.promise(() => agent.destroy())
    )
  )

/**
 * HTTP by undici over connections of its own. `ca` holds certificates (PEM) that are
 * trusted in place of the authorities that Node trusts.
 */
export const undiciConnections = (ca?: string): Layer.Layer<HttpClient.HttpClient> =>
  ca === undefined
    ? NodeHttpClient.layerUndici
    : Layer.provide(NodeHttpClient.layerUndiciWithoutDispatcher, dispatcherTrusting(ca))
