import { Effect, ExecutionStrategy, Exit, Scope } from "effect"
import { type BatchHttpOptions, deliverOverHttp } from "../HttpTransport.js"
import { type BatchSocketOptions, deliverOverSocket, openSession } from "../SocketTransport.js"
import type { Transports } from "./Transports.js"

/** A session in a scope of its own, which ends with the scope around it at the latest. */
const openPart = (options: BatchSocketOptions) =>
  Effect.gen(function*() {
    const scope = yield* Effect.flatMap(Effect.scope, (outer) => Scope.fork(outer, ExecutionStrategy.sequential))
    return { scope, session: yield* Scope.extend(openSession(options), scope) }
  })

/**
 * Delivers over one session after the other until one is lost: each says hello
 * with the oldest of the streams that are left.
 */
const deliverInParts = (
  options: BatchSocketOptions,
  onPart: Effect.Effect<void>,
  first: Effect.Effect.Success<ReturnType<typeof openPart>>
) =>
  Effect.gen(function*() {
    let part = first
    while (true) {
      yield* deliverOverSocket(options, part.session)
      yield* Scope.close(part.scope, Exit.void)
      yield* onPart
      part = yield* openPart(options)
    }
  })

/** Batches with offsets, to a server that keeps account of them. */
export const batchTransports = (socket: BatchSocketOptions, http: BatchHttpOptions): Transports => ({
  openSocket: (onPart) =>
    Effect.gen(function*() {
      const scope = yield* Effect.scope
      const first = yield* openPart(socket)
      return Scope.extend(deliverInParts(socket, onPart, first), scope)
    }),
  overHttp: (onAnswer) => deliverOverHttp(http, onAnswer),
  settle: Effect.void
})
