import * as fs from "node:fs"

const noDescriptor = -1

/** How long an absent file is not looked for again, ms. */
const lookAgainAfter = 10_000

/**
 * The memory into which files are read, shared by all files of a probe and
 * grown for the longest of them.
 */
export class ReadBuffer {
  bytes = Buffer.allocUnsafeSlow(16_384)

  grow(): void {
    const larger = Buffer.allocUnsafeSlow(this.bytes.length * 2)
    this.bytes.copy(larger)
    this.bytes = larger
  }
}

/**
 * A file of /proc or /sys that is read again and again through one descriptor:
 * reading at position 0 makes the kernel write it anew, and opening costs more
 * than reading. Synchronous, because these files are memory, not disk: the
 * detour over a thread would cost more than the reading.
 *
 * A file that is not there, or that the kernel refuses to read, is absent; it
 * is looked for again from time to time.
 */
export class ProcFile {
  private descriptor = noDescriptor
  private lookedAt = -Infinity

  /**
   * `paths` are tried in order. `short` says that the kernel gives the whole
   * file in one reading, which saves the second one that finds its end; lists
   * of devices, interfaces and mounts come in pieces of a page.
   */
  constructor(
    private readonly paths: ReadonlyArray<string>,
    private readonly buffer: ReadBuffer,
    private readonly short: boolean
  ) {}

  /** The file's text now, or `undefined` when it is absent. `nowMillis` tells when to look for it again. */
  read(nowMillis: number): string | undefined {
    if (this.descriptor === noDescriptor && !this.open(nowMillis)) return undefined
    try {
      return this.readAll()
    } catch {
      // The device behind it is gone, or the kernel was built without what it tells.
      this.close()
      return undefined
    }
  }

  /** Gives the descriptor back. */
  close(): void {
    if (this.descriptor !== noDescriptor) fs.closeSync(this.descriptor)
    this.descriptor = noDescriptor
  }

  private open(nowMillis: number): boolean {
    const since = nowMillis - this.lookedAt
    // A clock that was set back says nothing.
    if (since >= 0 && since < lookAgainAfter) return false
    this.lookedAt = nowMillis
    for (const path of this.paths) {
      try {
        this.descriptor = fs.openSync(path, "r")
        return true
      } catch {
        // The next path, or absent.
      }
    }
    return false
  }

  private readAll(): string {
    let length = 0
    while (true) {
      const { bytes } = this.buffer
      const read = fs.readSync(this.descriptor, bytes, length, bytes.length - length, length)
      length += read
      if (length === bytes.length) this.buffer.grow()
      else if (read === 0 || this.short) return bytes.toString("utf8", 0, length)
    }
  }
}
