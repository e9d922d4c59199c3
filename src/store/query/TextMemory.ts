/** Bytes of text after which a piece is full: writing as many takes about two milliseconds. */
export const PIECE_BYTES = 256 * 1024

// A piece is full once it is past its size: what comes last must fit too, as it mostly does.
const roomBytes = PIECE_BYTES + 4 * 1024

/** Most rooms that are kept for later: 16 MiB. */
const mostRooms = 64

/**
 * Memory to write pieces of text into, that comes back when they were read:
 * pieces that are made anew and dropped have the garbage collectors of both
 * threads run for every few megabytes.
 */
export class TextMemory {
  private readonly spare: Array<ArrayBuffer> = []

  /** Room for a piece, with whatever stands in it. */
  take(): ArrayBuffer {
    return this.spare.pop() ?? new ArrayBuffer(roomBytes)
  }

  /** Takes room back that nobody looks at any more. */
  give(room: ArrayBuffer): void {
    if (room.byteLength === roomBytes && this.spare.length < mostRooms) this.spare.push(room)
  }
}
