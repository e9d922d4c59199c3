import { Data, Effect, type Scope } from "effect"
import { readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"

/** A connection was refused, or broke while it was opened. */
export class IdleError extends Data.TaggedError("IdleError")<{ readonly message: string }> {}

const upgrade = (protocol: string): string =>
  "GET /ws/metrics HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n" +
  `sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n${protocol}\r\n`

const isPing = (data: Buffer): boolean => data[0] === 0x89

const pong = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])

const open = (port: number, protocol: string): Effect.Effect<Socket, IdleError> =>
  Effect.async((resume) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(upgrade(protocol)))
    socket.once("data", (data: Buffer) =>
      resume(
        data.toString("latin1").startsWith("HTTP/1.1 101")
          ? Effect.succeed(socket)
          : new IdleError({ message: data.toString("latin1") })
      ))
    socket.on("data", (data: Buffer) => {
      if (isPing(data)) socket.write(pong)
    })
    socket.on("error", (error) => resume(new IdleError({ message: error.message })))
  })

/**
 * Opens WebSockets that answer pings and say nothing else, half of them with
 * the subprotocol of senders. They are bare: a library's client weighs more
 * than what a server holds of it.
 */
export const openIdleSockets = (port: number, count: number): Effect.Effect<void, IdleError, Scope.Scope> =>
  Effect.forEach(
    Array.from({ length: count }, (_, i) => i % 2 === 0 ? "" : "sec-websocket-protocol: metrics.batch.v1\r\n"),
    (protocol) =>
      // A reset leaves no port behind that has to wait.
      Effect.acquireRelease(open(port, protocol), (socket) => Effect.sync(() => socket.resetAndDestroy())),
    { concurrency: 100, discard: true }
  )

/** Memory that a process has of the machine, in bytes (Linux). */
export const residentBytes = (pid: number): number => {
  const status = readFileSync(`/proc/${pid}/status`, "utf8")
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? NaN) * 1_024
}

/** How many files this process may have open, and with it its children (Linux); Node takes as many as it can get. */
export const openFileLimit = (): number =>
  Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? NaN)
