import { Cause, Effect, Either } from "effect"
import type { PlainAnswer } from "../../wire/Api.js"
import { parseJson } from "../../wire/Frames.js"
import { isPassing, storeProblem } from "../Ingest.js"
import { type PlainParts, takePlain } from "../ingest/PlainMode.js"
import type { Reply, SocketSession } from "./SocketSession.js"

const failure = (message: string, answer: PlainAnswer = { accepted: 0, rejected: [] }): Reply => ({
  frames: [JSON.stringify({ type: "error", message, ...answer })]
})

const answerOf = (answer: PlainAnswer): Reply => {
  const first = answer.rejected.at(0)
  if (first === undefined) return { frames: [JSON.stringify({ type: "success", accepted: answer.accepted })] }
  const total = answer.accepted + answer.rejected.length
  return failure(
    total === 1
      ? first.message
      : `${answer.rejected.length} of ${total} were refused; the first is number ${first.index}: ${first.message}`,
    answer
  )
}

/**
 * Plain mode on a socket: each frame is a metric, a point, or an array of them, and gets one answer. `note` is told why
 * something in a frame was refused.
 */
export const makePlainSession = (parts: PlainParts, note: (reason: string) => void): SocketSession => ({
  mode: "plain",
  handle: (text) =>
    Effect.suspend(() =>
      Either.match(parseJson(text), {
        onLeft: (message) => {
          note(message)
          return Effect.succeed(failure(message))
        },
        onRight: (json) =>
          takePlain(parts, json).pipe(
            Effect.map((answer) => {
              const first = answer.rejected.at(0)
              if (first !== undefined) note(first.message)
              return answerOf(answer)
            }),
            Effect.catchTag("Refused", ({ message }) => {
              note(message)
              return Effect.succeed(failure(message))
            })
          )
      })
    ).pipe(
      Effect.catchAllCause((cause) => {
        if (Cause.isInterruptedOnly(cause)) return Effect.succeed({ frames: [] })
        const failed = Cause.failureOption(cause)
        if (failed._tag === "Some" && isPassing(failed.value)) {
          parts.counters.busy++
          return Effect.succeed(failure(storeProblem(failed.value)))
        }
        return Effect.as(
          Effect.logError("Metrics of a plain client could not be stored", cause),
          failure(failed._tag === "Some" ? storeProblem(failed.value) : "the server failed; its log says more")
        )
      })
    ),
  unreadable: (_code, message) => {
    note(message)
    return failure(message)
  }
})
