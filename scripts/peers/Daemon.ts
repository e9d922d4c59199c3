import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { PeerError } from "./Peer.js"
import { processTree, type TreeUsage, treeUsage } from "./ProcessTree.js"

/** A program that runs for as long as its scope. */
export interface Daemon {
  readonly pid: number
  /** Waits until what it says matches, and gives the first group; fails when it ends before. */
  readonly says: (pattern: RegExp) => Effect.Effect<string, PeerError>
  /** What it uses, with all that it started; fails when it has ended. */
  readonly usage: Effect.Effect<TreeUsage, PeerError>
}

// Of what a program says, for messages.
const keptCharacters = 4_000

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

const signal = (pid: number, name: "SIGTERM" | "SIGKILL"): void => {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended.
  }
}

/** Ends a program and whatever of its processes it leaves behind. */
const end = (child: ChildProcess): Effect.Effect<void> =>
  Effect.gen(function*() {
    if (child.pid === undefined || hasEnded(child)) return
    const tree = processTree(child.pid)
    signal(child.pid, "SIGTERM")
    for (let i = 0; i < 50 && !hasEnded(child); i++) yield* Effect.sleep("100 millis")
    for (const pid of tree) signal(pid, "SIGKILL")
  })

/** Starts a program; it ends with the scope. */
export const startDaemon = (
  command: string,
  ...words: ReadonlyArray<string>
): Effect.Effect<Daemon, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn(command, words, { stdio: ["ignore", "pipe", "pipe"] })
        const state = { said: "", failed: "" }
        const hear = (text: string) => {
          state.said = (state.said + text).slice(-keptCharacters)
        }
        child.stdout.setEncoding("utf8").on("data", hear)
        child.stderr.setEncoding("utf8").on("data", hear)
        child.on("error", (error) => {
          state.failed = error.message
        })
        return { child, state }
      }),
      ({ child }) => end(child)
    ),
    ({ child, state }): Daemon => {
      const ended = Effect.suspend(() => new PeerError({ message: `${command} ended: ${state.failed}${state.said}` }))
      const pid = child.pid ?? 0
      return {
        pid,
        says: (pattern) =>
          Effect.gen(function*() {
            for (let i = 0; i < 300; i++) {
              const match = pattern.exec(state.said)
              if (match !== null) return match[1] ?? match[0]
              if (state.failed !== "" || hasEnded(child)) return yield* ended
              yield* Effect.sleep("100 millis")
            }
            return yield* new PeerError({ message: `${command} never said ${String(pattern)}: ${state.said}` })
          }),
        usage: Effect.suspend(() => state.failed !== "" || hasEnded(child) ? ended : Effect.succeed(treeUsage(pid)))
      }
    }
  )
