import { Effect } from "effect"
import * as path from "node:path"
import { directory, start } from "../e2e/Program.js"

/** Starts `up` on a port (`0`: any); answers with the address of its dashboard. */
export const upOn = (port: string) =>
  Effect.gen(function*() {
    const cwd = yield* directory
    const program = yield* start(["up", "--port", port, "--data-dir", path.join(cwd, "up")], { cwd })
    return yield* program.says(/Dashboard +(http:\S+)\//)
  })

/** Sends metrics to a server as plain JSON. */
export const sendTo = (url: string, metrics: unknown) =>
  Effect.promise(() =>
    fetch(`${url}/api/metrics`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(metrics)
    }).then((response) => response.text())
  )
