import { SIMULATION_START, type VirtualTime } from "./VirtualTime.js"

/** What happened in a simulation, line by line, and a checksum of it that is kept even where the lines are not. */
export class Trace {
  private readonly kept: Array<string> = []
  private hash = 0x811c9dc5
  private count = 0

  constructor(private readonly time: VirtualTime, readonly isKept: boolean) {}

  /** Notes what happened. */
  note(text: string): void {
    const line = `${((this.time.now - SIMULATION_START) / 1000).toFixed(3)} ${text}`
    for (let i = 0; i < line.length; i++) this.hash = Math.imul(this.hash ^ line.charCodeAt(i), 0x01000193)
    this.count++
    if (this.isKept) this.kept.push(line)
  }

  /** Adds what explains a line; it is no part of the checksum. */
  explain(text: string): void {
    if (this.isKept) this.kept.push(`    ${text}`)
  }

  get lines(): ReadonlyArray<string> {
    return this.kept
  }

  /** The same for two runs in which the same happened in the same order. */
  get checksum(): string {
    return `${this.count}-${(this.hash >>> 0).toString(16).padStart(8, "0")}`
  }
}
