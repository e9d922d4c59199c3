import { Schema } from "effect"

/** What an embedded producer is told, as JSON in its first argument. */
export const EmbeddedSettings = Schema.Struct({
  endpointUrl: Schema.String,
  token: Schema.String,
  dataDir: Schema.String,
  producer: Schema.String,
  life: Schema.Int,
  begin: Schema.Int,
  /** Metrics per second. */
  rate: Schema.Positive,
  maxBytes: Schema.Int,
  overflow: Schema.Literal("block", "drop-oldest")
})
export type EmbeddedSettings = typeof EmbeddedSettings.Type
