import { Effect, Schema } from "effect"
import { SenderId } from "../wire/Frames.js"
import { OutboxError } from "./Outbox.js"

const isSenderName = Schema.is(SenderId)

/** A name that the protocol can carry, or an error that says what one may look like. */
export const checkSenderName = (name: string): Effect.Effect<string, OutboxError> =>
  isSenderName(name)
    ? Effect.succeed(name)
    : Effect.fail(new OutboxError({ reason: "Failed", message: "sender name: expected 1 to 128 characters" }))
