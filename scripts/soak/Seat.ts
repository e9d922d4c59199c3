import { Effect } from "effect"
import type { Role } from "./Plan.js"
import { highestResident, type Running } from "./Process.js"

/** The place of a program in a soak: one process after another sits in it. */
export class Seat {
  running: Running | undefined
  /** How long the next process is waited with, ms. */
  away = 0
  /** What this process was sent that ends it. */
  sent: "SIGKILL" | "SIGTERM" | undefined
  /** Processes so far. */
  starts = 0
  /** Bytes of resident memory of any of its processes. */
  highestResident: number | undefined

  constructor(readonly role: Role) {}

  sit(running: Running): void {
    this.running = running
    this.sent = undefined
    this.starts++
  }

  /** Notes the memory of the process, which nobody can ask for once it has ended. */
  measure(): void {
    const bytes = this.running === undefined ? undefined : highestResident(this.running.pid)
    if (bytes !== undefined) this.highestResident = Math.max(bytes, this.highestResident ?? 0)
  }

  /** Ends its process; `false` when there is none, or it is ending. */
  end(signal: "SIGKILL" | "SIGTERM", away: number): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      const { running } = this
      if (running === undefined || running.hasEnded() || this.sent === "SIGKILL") return Effect.succeed(false)
      this.measure()
      this.sent = signal
      this.away = away
      return Effect.as(running.signal(signal), true)
    })
  }

  /** Stops its process for so many ms; `false` when there is none. */
  freeze(millis: number): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      const { running } = this
      if (running === undefined || running.hasEnded()) return Effect.succeed(false)
      return Effect.as(
        Effect.acquireUseRelease(
          running.signal("SIGSTOP"),
          () => Effect.raceFirst(Effect.sleep(millis), running.ended),
          () => running.signal("SIGCONT")
        ),
        true
      )
    })
  }
}
