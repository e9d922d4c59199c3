import type { ServerFrame } from "../../wire/Frames.js"

/**
 * Makes one of acks of a stream that followed one another: the last, with the
 * rejections of all. Everything else stays as it is, in its order. Each ack that
 * is taken is a commit of the outbox.
 */
export const joinAcks = (frames: ReadonlyArray<ServerFrame>): ReadonlyArray<ServerFrame> => {
  const joined: Array<ServerFrame> = []
  for (const frame of frames) {
    const last = joined.at(-1)
    if (frame.type === "ack" && last?.type === "ack" && last.stream === frame.stream && last.next <= frame.next) {
      const rejected = last.rejected.length === 0
        ? frame.rejected
        : Array.from(new Map([...last.rejected, ...frame.rejected]))
      joined[joined.length - 1] = { ...frame, rejected }
    } else joined.push(frame)
  }
  return joined
}
