import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Stream } from "effect"
import { parseEvents } from "../../src/client/ServerSentEvents.js"

describe("ServerSentEvents", () => {
  it.effect("reads events wherever the bytes are cut", () =>
    Effect.gen(function*() {
      const bytes = new TextEncoder().encode(
        "retry: 2000\n: hello\n\nevent: metrics\ndata: [\"é\"]\n\ndata:a\r\ndata: b\n\nevent: lost\ndata: never ended"
      )
      for (const size of [1, 2, 7, bytes.length]) {
        const pieces = Chunk.fromIterable(
          Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size))
        )
        const events = yield* Stream.runCollect(parseEvents(Stream.fromChunk(pieces).pipe(Stream.rechunk(1))))
        expect(Chunk.toReadonlyArray(events)).toEqual([
          { event: "metrics", data: "[\"é\"]" },
          { event: "message", data: "a\nb" }
        ])
      }
    }))
})
