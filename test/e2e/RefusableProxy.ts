import { Effect, type Scope } from "effect"
import * as http from "node:http"
import * as net from "node:net"

/** A reverse proxy that can lose its server, or refuse WebSockets while HTTP goes through. */
export interface RefusableProxy {
  readonly port: number
  readonly forwardTo: (port: number) => Effect.Effect<void>
  readonly refuseUpgrades: (refuse: boolean) => Effect.Effect<void>
  /** WebSockets that went through so far. */
  readonly upgrades: () => number
}

/** Starts a proxy on a free port. */
export const refusableProxy: Effect.Effect<RefusableProxy, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.async<
      { readonly server: http.Server; readonly state: { target: number; refuse: boolean; upgrades: number } }
    >(
      (resume) => {
        const state = { target: 0, refuse: false, upgrades: 0 }
        const server = http.createServer((request, response) => {
          const { headers, method, url } = request
          const fail = () => {
            if (!response.headersSent) response.writeHead(502)
            response.end()
          }
          const onward = http.request(
            { host: "127.0.0.1", port: state.target, method, path: url, headers },
            (answer) => {
              response.writeHead(answer.statusCode ?? 502, answer.headers)
              answer.pipe(response)
            }
          )
          onward.on("error", fail)
          request.pipe(onward)
        })
        server.on("upgrade", (request, socket, head) => {
          socket.on("error", () => {})
          if (state.refuse || state.target === 0) {
            socket.end("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            return
          }
          state.upgrades++
          const onward = net.connect(state.target, "127.0.0.1", () => {
            const lines = Object.entries(request.headers).map(([name, value]) => `${name}: ${String(value)}`)
            onward.write(`${request.method} ${request.url} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`)
            onward.write(head)
            onward.pipe(socket)
            socket.pipe(onward)
          })
          onward.on("error", () => socket.destroy())
          socket.on("close", () => onward.destroy())
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, state })))
      }
    ),
    ({ server }) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  ),
  ({ server, state }) => {
    const address = server.address()
    return {
      port: typeof address === "object" && address !== null ? address.port : 0,
      forwardTo: (port) => Effect.sync(() => void (state.target = port)),
      refuseUpgrades: (refuse) => Effect.sync(() => void (state.refuse = refuse)),
      upgrades: () => state.upgrades
    }
  }
)
