import { Effect, type Scope } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { eventually, ProgramError } from "../e2e/Program.js"

/** Whether this machine has curl; Debian's images do not always. */
export const curlIsThere: boolean = spawnSync("curl", ["--version"]).status === 0

/** A curl that runs. */
export interface Curl {
  /** Waits until its output holds a match. */
  readonly says: (pattern: RegExp) => Effect.Effect<void, ProgramError>
  /** Waits for its end, and gives all that it wrote; fails where it failed. */
  readonly output: Effect.Effect<string, ProgramError>
}

/** Starts curl with the words of a command line; it is ended with the scope. */
export const curl = (words: ReadonlyArray<string>): Effect.Effect<Curl, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn("curl", ["--silent", "--show-error", "--max-time", "90", ...words], {
          stdio: ["ignore", "pipe", "pipe"]
        })
        const said = { stdout: "", stderr: "" }
        child.stdout.setEncoding("utf8").on("data", (text: string) => said.stdout += text)
        child.stderr.setEncoding("utf8").on("data", (text: string) => said.stderr += text)
        const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
        return { child, ended, said }
      }),
      ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
    ),
    ({ ended, said }) => {
      const failed = (what: string) =>
        new ProgramError({ message: `curl ${words.join(" ")}: ${what}\n${said.stderr}${said.stdout}` })
      return {
        says: (pattern) =>
          eventually(Effect.suspend(() =>
            pattern.test(said.stdout) ? Effect.void : Effect.fail(failed(`waited for ${String(pattern)}`))
          )),
        output: Effect.flatMap(
          Effect.promise(() =>
            ended
          ),
          (code) => code === 0 ? Effect.succeed(said.stdout) : Effect.fail(failed(`ended with ${String(code)}`))
        )
      }
    }
  )
