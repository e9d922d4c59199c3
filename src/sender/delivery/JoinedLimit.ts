/**
 * Most bytes that batches take together which are sent as one: enough that what
 * a frame costs beside its points is little, and little enough that a server
 * reads it in about 10 ms.
 */
export const JOINED_BYTES = 262_144

// A batch that is larger goes alone all the same.
const leastBytes = 4_096

// Frames in a row that are answered before larger ones are tried again: one that
// comes too late costs as much time as they took.
const answersBeforeMore = 8

/**
 * How many bytes of batches are joined, as far as the network bears it. Through
 * a slow one the largest frame takes longer than an answer is waited for, and
 * would be sent again and again.
 */
export class JoinedLimit {
  private most = JOINED_BYTES
  private answers = 0

  /** Bytes past which no further batch is joined. */
  get bytes(): number {
    return this.most
  }

  /** A frame was answered. */
  answered(): void {
    if (this.most === JOINED_BYTES || ++this.answers < answersBeforeMore) return
    this.answers = 0
    this.most = Math.min(JOINED_BYTES, 2 * this.most)
  }

  /** A frame was lost with its way, or came too late. */
  lost(): void {
    this.answers = 0
    this.most = Math.max(leastBytes, this.most / 4)
  }
}
