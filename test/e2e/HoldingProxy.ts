import { Effect, type Scope } from "effect"
import * as http from "node:http"

/** A reverse proxy whose answers stop at some point, while requests still reach the server. */
export interface HoldingProxy {
  readonly url: string
  /** After so many answers to requests of `path` from now on, no further one gets through. */
  readonly holdAfter: (answers: number, path: string) => Effect.Effect<void>
  /** Waits until the server has answered a request that nobody will hear of. */
  readonly held: Effect.Effect<void>
  /** Cuts the connections of requests that wait for their answer, and lets answers through again. */
  readonly release: Effect.Effect<void>
}

/** Starts a proxy of the server on `port`. */
export const holdingProxy = (port: number): Effect.Effect<HoldingProxy, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<{
        readonly server: http.Server
        readonly state: { path: string; left: number; held: number; waiting: Array<() => void> }
      }>((resume) => {
        const state = { path: "", left: Infinity, held: 0, waiting: new Array<() => void>() }
        const server = http.createServer((request, response) => {
          const { headers, method, url = "" } = request
          const counted = state.path !== "" && url.startsWith(state.path)
          const hold = counted && state.left-- <= 0
          const onward = http.request({ host: "127.0.0.1", port, method, path: url, headers }, (answer) => {
            if (!hold) {
              response.writeHead(answer.statusCode ?? 502, answer.headers)
              answer.pipe(response)
              return
            }
            answer.resume().on("end", () => {
              state.held++
              for (const resume of state.waiting.splice(0)) resume()
            })
          })
          onward.on("error", () => response.destroy())
          request.on("error", () => onward.destroy()).pipe(onward)
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, state })))
      }),
      ({ server }) =>
        Effect.sync(() => {
          server.close()
          server.closeAllConnections()
        })
    ),
    ({ server, state }) => {
      const address = server.address()
      return {
        url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
        holdAfter: (answers, path) =>
          Effect.sync(() => {
            state.path = path
            state.left = answers
          }),
        release: Effect.sync(() => {
          state.left = Infinity
          server.closeAllConnections()
        }),
        held: Effect.async((resume) => {
          if (state.held > 0) resume(Effect.void)
          else state.waiting.push(() => resume(Effect.void))
        })
      }
    }
  )
