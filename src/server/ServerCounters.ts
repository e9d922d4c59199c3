import { CommitDurations } from "./operating/CommitDurations.js"

/**
 * What a server counts of itself, since its start. Plain numbers, because the
 * hot path counts per batch; status and `/metrics` read them.
 */
export class ServerCounters {
  /** Batches committed, over the socket or HTTP. */
  batches = 0
  /** Frames and requests of plain mode that were answered. */
  plainRequests = 0
  /** Bytes of bodies and frames that brought metrics, as they were sent. */
  bytes = 0
  /** Points stored. A batch sent twice counts once. */
  points = 0
  /** Points refused. */
  rejected = 0
  /** Answers to `/api/query`. */
  queries = 0
  /** HTTP requests that were refused for their token, origin or host. */
  refused = 0
  /** Answers "busy": the store was full or too many bytes were on their way. */
  busy = 0
  /** Open sockets in batch mode, in plain mode, and readers of the live stream. */
  readonly connections = { batch: 0, plain: 0, live: 0 }
  /** How long the store takes to commit. */
  readonly commits = new CommitDurations()
}
