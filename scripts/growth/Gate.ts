import { Effect, type Scope } from "effect"
import { connect, createServer, type Socket } from "node:net"

/** A way to a server that can be shut, so that both of its sides go on running. */
export interface Gate {
  readonly port: number
  /** Cuts what is connected and takes nothing more. */
  readonly shut: Effect.Effect<void>
  readonly open: Effect.Effect<void>
}

/** Opens a gate to a port of this host. */
export const makeGate = (target: number): Effect.Effect<Gate, never, Scope.Scope> =>
  Effect.gen(function*() {
    const sockets = new Set<Socket>()
    let isOpen = true
    const server = createServer((near) => {
      if (!isOpen) return void near.destroy()
      const far = connect(target, "127.0.0.1")
      for (const [socket, other] of [[near, far], [far, near]]) {
        sockets.add(socket)
        socket.pipe(other)
        socket.on("error", () => other.destroy())
        socket.on("close", () => {
          sockets.delete(socket)
          other.destroy()
        })
      }
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.sync(() => {
          server.close()
          for (const socket of sockets) socket.destroy()
        })
    )
    const address = server.address()
    return {
      port: address instanceof Object ? address.port : 0,
      shut: Effect.sync(() => {
        isOpen = false
        for (const socket of sockets) socket.destroy()
      }),
      open: Effect.sync(() => {
        isOpen = true
      })
    }
  })
