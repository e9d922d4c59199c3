import { Data, Effect, Schedule, Schema, type Scope } from "effect"
import { spawn } from "node:child_process"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

/** The bundled executable, as `npm run build` leaves it. */
export const executable = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../dist/bin.js")

/** A program did not do in time what was expected of it. */
export class ProgramError extends Data.TaggedError("ProgramError")<{ readonly message: string }> {}

/** How a program ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** A `metrics-collector` process. */
export interface Program {
  readonly pid: number
  /** Waits until either output holds a match, and gives its first group (the whole match without one). */
  readonly says: (pattern: RegExp) => Effect.Effect<string, ProgramError>
  readonly write: (text: string) => Effect.Effect<void>
  readonly endInput: Effect.Effect<void>
  readonly kill: (signal: "SIGTERM" | "SIGINT" | "SIGKILL") => Effect.Effect<void>
  readonly ended: Effect.Effect<Ended, ProgramError>
}

/** What surrounds a program: its working directory is also its home, so that nothing of the machine is read. */
export interface Surroundings {
  readonly cwd: string
  readonly env?: { readonly [name: string]: string }
  /** Another script than the executable. */
  readonly script?: string
}

// Less than a test may take, so that it says what did not come.
const patience = "90 seconds"

/** Starts the executable with the given words; the process is killed when the scope closes. */
export const start = (
  words: ReadonlyArray<string>,
  { cwd, env, script = executable }: Surroundings
): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn(process.execPath, [script, ...words], {
          cwd,
          env: { PATH: process.env["PATH"], HOME: cwd, NO_COLOR: "1", ...env },
          stdio: ["pipe", "pipe", "pipe"]
        })
        const state: { stdout: string; stderr: string; ended: Ended | undefined } = {
          stdout: "",
          stderr: "",
          ended: undefined
        }
        const listeners = new Set<() => void>()
        const changed = () => listeners.forEach((listener) => listener())
        child.stdin.on("error", () => {})
        child.stdout.setEncoding("utf8").on("data", (text: string) => {
          state.stdout += text
          changed()
        })
        child.stderr.setEncoding("utf8").on("data", (text: string) => {
          state.stderr += text
          changed()
        })
        child.on("close", (code, signal) => {
          state.ended = { code, signal, stdout: state.stdout, stderr: state.stderr }
          changed()
        })
        return { child, state, listeners }
      }),
      ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
    ),
    ({ child, listeners, state }): Program => {
      const until = <A>(what: string, read: () => A | undefined): Effect.Effect<A, ProgramError> => {
        const error = () =>
          new ProgramError({
            message: `${words.join(" ")}: waited for ${what}\nstdout: ${state.stdout}\nstderr: ${state.stderr}`
          })
        return Effect.async<A, ProgramError>((resume) => {
          const listener = () => {
            const value = read()
            if (value === undefined && state.ended === undefined) return
            listeners.delete(listener)
            resume(value === undefined ? Effect.fail(error()) : Effect.succeed(value))
          }
          listeners.add(listener)
          listener()
          return Effect.sync(() => listeners.delete(listener))
        }).pipe(Effect.timeoutFail({ duration: patience, onTimeout: error }))
      }
      return {
        pid: child.pid ?? 0,
        says: (pattern) =>
          until(String(pattern), () => {
            const match = pattern.exec(state.stdout) ?? pattern.exec(state.stderr)
            return match === null ? undefined : match[1] ?? match[0]
          }),
        write: (text) => Effect.sync(() => void child.stdin.write(text)),
        endInput: Effect.sync(() => void child.stdin.end()),
        kill: (signal) => Effect.sync(() => void child.kill(signal)),
        ended: until("its end", () => state.ended)
      }
    }
  )

/** Runs the executable to its end, with `input` on standard input. */
export const run = (
  words: ReadonlyArray<string>,
  surroundings: Surroundings,
  input = ""
): Effect.Effect<Ended, ProgramError> =>
  Effect.scoped(Effect.gen(function*() {
    const program = yield* start(words, surroundings)
    yield* program.write(input)
    yield* program.endInput
    return yield* program.ended
  }))

/** A server on a free port, with its data in `directory`. */
export const serve = (
  directory: string,
  port = 0,
  words: ReadonlyArray<string> = []
): Effect.Effect<
  { readonly program: Program; readonly url: string; readonly port: number },
  ProgramError,
  Scope.Scope
> =>
  Effect.gen(function*() {
    const program = yield* start(
      ["serve", "--port", String(port), "--data-dir", path.join(directory, "server"), ...words],
      { cwd: directory }
    )
    const url = yield* program.says(/listening on (http:\/\/[\w.:[\]]+)/)
    return { program, url, port: Number(new URL(url).port) }
  })

/** A directory of its own for one test. */
export const directory: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "metrics-e2e-"))),
  (made) => Effect.promise(() => fs.rm(made, { recursive: true, force: true }))
)

const api = (url: string, init?: RequestInit): Effect.Effect<unknown, ProgramError> =>
  Effect.tryPromise({
    try: () => fetch(url, init).then((response): Promise<unknown> => response.json()),
    catch: (cause) => new ProgramError({ message: `${url}: ${String(cause)}` })
  })

/** Asks a server for JSON of the given shape. */
export const ask = <A, I>(url: string, schema: Schema.Schema<A, I>): Effect.Effect<A, ProgramError> =>
  Effect.flatMap(api(url), (json) =>
    Effect.mapError(
      Schema.decodeUnknown(schema)(json),
      (error) => new ProgramError({ message: `${url}: ${error.message}: ${JSON.stringify(json)}` })
    ))

/** Tries again until the effect succeeds, for as long as a test may wait. */
export const eventually = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.retry(effect, Schedule.spaced("100 millis").pipe(Schedule.upTo(patience)))

/** What `/api/query` answers. */
export const QueryAnswer = Schema.Struct({
  series: Schema.Array(Schema.Struct({
    origin: Schema.String,
    metric_type: Schema.String,
    tags: Schema.Record({ key: Schema.String, value: Schema.String }),
    points: Schema.Array(Schema.Array(Schema.Unknown))
  })),
  truncated: Schema.Boolean
})
