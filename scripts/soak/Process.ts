import { Data, Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"

/** A soak could not be carried out, or a program of it did what it must not. */
export class SoakError extends Data.TaggedError("SoakError")<{ readonly message: string }> {}

/** How a process ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: string | null
  /** The last of what it wrote to standard error. */
  readonly stderr: string
}

/** A running process of a soak. */
export interface Running {
  readonly pid: number
  readonly write: (text: string) => void
  /** Whether all that was written has been taken by the system. */
  readonly readsAlong: () => boolean
  readonly endInput: Effect.Effect<void>
  readonly signal: (signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT") => Effect.Effect<void>
  /** Waits for a line of standard error that matches, and gives its first group; fails when it ends before. */
  readonly says: (pattern: RegExp) => Effect.Effect<string, SoakError>
  readonly ended: Effect.Effect<Ended>
  readonly hasEnded: () => boolean
}

/** What to run and what to do with what it says. */
export interface ProcessOptions {
  readonly words: ReadonlyArray<string>
  readonly cwd: string
  readonly token: string
  /** Everything that it writes is appended to this file. */
  readonly log: string
  readonly onLine?: (line: string) => void
}

// Of standard error, for messages.
const keptCharacters = 20_000

/** Resident memory of a process at its highest, bytes; `undefined` where the system does not tell. */
export const highestResident = (pid: number): number | undefined => {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1_024
  } catch {
    return undefined
  }
}

const isGone = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

/** Starts a script under this Node; the process is killed when the scope closes. */
export const startProcess = (options: ProcessOptions): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const { cwd, log, onLine, token, words } = options
        const child = spawn(process.execPath, words, {
          cwd,
          // Its working directory is its home too: nothing of the machine is read.
          env: { PATH: process.env["PATH"], HOME: cwd, NO_COLOR: "1", METRICS_TOKEN: token },
          stdio: ["pipe", "pipe", "pipe"]
        })
        const file = fs.openSync(log, "a")
        const state: { stderr: string; ended: Ended | undefined } = { stderr: "", ended: undefined }
        const listeners = new Set<() => void>()
        const changed = () => listeners.forEach((listener) => listener())
        let line = ""
        child.stdin.on("error", () => {})
        child.stdout.setEncoding("utf8").on("data", (text: string) => {
          if (onLine === undefined) return void fs.writeSync(file, text)
          const lines = (line + text).split("\n")
          line = lines.pop() ?? ""
          lines.forEach(onLine)
        })
        child.stderr.setEncoding("utf8").on("data", (text: string) => {
          fs.writeSync(file, text)
          state.stderr = (state.stderr + text).slice(-keptCharacters)
          changed()
        })
        child.on("close", (code, signal) => {
          fs.writeSync(file, `-- ${child.pid} ended: ${signal ?? `exit ${code}`}\n`)
          fs.closeSync(file)
          state.ended = { code, signal, stderr: state.stderr }
          changed()
        })
        return { child, state, listeners }
      }),
      ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
    ),
    ({ child, listeners, state }): Running => {
      const until = <A, E>(read: () => Effect.Effect<A, E> | undefined): Effect.Effect<A, E> =>
        Effect.async((resume) => {
          const listener = () => {
            const result = read()
            if (result === undefined) return
            listeners.delete(listener)
            resume(result)
          }
          listeners.add(listener)
          listener()
          return Effect.sync(() => listeners.delete(listener))
        })
      return {
        pid: child.pid ?? 0,
        write: (text) => void child.stdin.write(text),
        readsAlong: () => child.stdin.writable && !child.stdin.writableNeedDrain,
        endInput: Effect.sync(() => void child.stdin.end()),
        signal: (signal) => Effect.sync(() => void child.kill(signal)),
        says: (pattern) =>
          until(() => {
            const match = pattern.exec(state.stderr)
            if (match !== null) return Effect.succeed(match[1] ?? match[0])
            return state.ended === undefined
              ? undefined
              : Effect.fail(new SoakError({ message: `${options.words.join(" ")} ended: ${state.stderr}` }))
          }),
        ended: until(() => state.ended === undefined ? undefined : Effect.succeed(state.ended)),
        hasEnded: () => isGone(child)
      }
    }
  )

/** What a process wrote to standard output, and how it ended. */
export const runProcess = (
  options: Omit<ProcessOptions, "onLine">
): Effect.Effect<Ended & { readonly stdout: string }> =>
  Effect.scoped(Effect.gen(function*() {
    const lines: Array<string> = []
    const running = yield* startProcess({ ...options, onLine: (line) => lines.push(line) })
    yield* running.endInput
    const ended = yield* running.ended
    return { ...ended, stdout: lines.join("\n") }
  }))
