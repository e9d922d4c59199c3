import { Command } from "@effect/cli"
import { Effect } from "effect"
import { SOCKET_PATH } from "../wire/Endpoint.js"
import { type CommandHelp, helpOf } from "./Help.js"
import { logFormat, logFormatOption } from "./options/CommonOptions.js"
import { publicOptions, serverOptions, startServer } from "./options/ServerOptions.js"
import { loggerLayer } from "./terminal/Terminal.js"

/** `serve`: the server alone, until it is stopped. */
export const serveCommand = Command.make(
  "serve",
  { ...serverOptions, ...publicOptions, logFormat: logFormatOption },
  (options) =>
    Effect.gen(function*() {
      const format = yield* logFormat(options.logFormat)
      const work = Effect.gen(function*() {
        const { dataDir, url } = yield* startServer(options)
        yield* Effect.logInfo(`listening on ${url}`).pipe(
          Effect.annotateLogs({ metrics: url.replace(/^http/, "ws") + SOCKET_PATH, data: dataDir })
        )
        return yield* Effect.never
      })
      return yield* Effect.scoped(work).pipe(Effect.provide(loggerLayer(format)))
    })
)

/** Help of `serve`. */
export const serveHelp: CommandHelp = helpOf(serveCommand, {
  name: "serve",
  usage: "[--host ADDRESS] [--port 5000] [--data-dir DIR] [--token T] [--retention 30d]",
  summary: "Take in metrics, store them, answer queries and show the dashboard",
  examples: [
    ["serve", "for this machine only, on port 5000"],
    ["serve --host 0.0.0.0 --token-file /etc/metrics.token --retention 30d", "for the network, a month of points"]
  ]
})
