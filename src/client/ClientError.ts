import { Data } from "effect"

/** No answer came: the server is not there, or the network is not. */
export class Unreachable extends Data.TaggedError("Unreachable")<{
  readonly url: string
  readonly message: string
  readonly cause?: unknown
}> {}

/** The server does not let this client in: 401 or 403. */
export class Unauthorized
  extends Data.TaggedError("Unauthorized")<{ readonly url: string; readonly message: string }>
{}

/** The request asks for what does not exist or cannot be: 400. */
export class BadRequest extends Data.TaggedError("BadRequest")<{ readonly url: string; readonly message: string }> {}

/** The server failed, or what answered is no server of ours. */
export class Failed extends Data.TaggedError("Failed")<{
  readonly url: string
  readonly message: string
  /** Absent when the answer was taken but could not be understood. */
  readonly status?: number
}> {}

/** Why a question to a server has no answer. */
export type ClientError = Unreachable | Unauthorized | BadRequest | Failed
