import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { curlExamples } from "../docs/Documents.js"
import { memoryStore, request, startServer } from "./TestServer.js"

describe("the examples of the documentation", () => {
  for (const [page, count] of [["http-api.md", 7], ["wire-protocol.md", 1]] as const) {
    it.scopedLive(`${page}: answer as it is written there`, () =>
      Effect.gen(function*() {
        const server = yield* startServer()
        const examples = curlExamples(`docs/${page}`)
        expect(examples.length).toBe(count)
        for (const { answer, request: { body, headers, method, path } } of examples) {
          const { json, status } = yield* request(server, path, {
            method,
            headers,
            ...(body === undefined ? {} : { body })
          })
          expect({ status, json }, path).toEqual({ status: 200, json: answer })
        }
      }).pipe(Effect.provide(memoryStore)))
  }
})
