import type { Effect } from "effect"

/** What a server sends back to a frame, and whether it closes the connection after it. */
export interface Reply {
  /** Frames, each as text. */
  readonly frames: ReadonlyArray<string>
  readonly close?: { readonly code: number; readonly reason: string }
}

/** What one connection says: batch mode or plain mode. */
export interface SocketSession {
  readonly mode: "batch" | "plain"
  /** Answers a text frame. Frames that arrived together are handled at once, their answers sent in order. */
  readonly handle: (text: string) => Effect.Effect<Reply>
  /** Answers a frame that cannot be read: too large, or a binary frame of no known codec. */
  readonly unreadable: (code: "too-large" | "bad-frame", message: string) => Reply
}
