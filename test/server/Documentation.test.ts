import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { memoryStore, request, startServer } from "./TestServer.js"

interface Example {
  readonly path: string
  readonly method: string
  readonly headers: { readonly [name: string]: string }
  readonly body: string | undefined
  readonly answer: unknown
}

/** The curl commands of a page that are followed by the JSON they answer with. */
const examplesIn = (page: string): ReadonlyArray<Example> => {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), "utf8")
  return Array.from(
    text.matchAll(/```sh\n(curl [^`]*?)```\n\n```json\n([^`]*)```/g),
    ([, command = "", answer = ""]) => ({
      path: /http:\/\/localhost:5000([^'\s]*)/.exec(command)?.[1] ?? "",
      method: /-X (\w+)/.exec(command)?.[1] ?? "GET",
      headers: Object.fromEntries(
        Array.from(command.matchAll(/-H '([^:]+): ([^']+)'/g), ([, name = "", value = ""]) => [name, value])
      ),
      body: /-d '([^']*)'/.exec(command)?.[1],
      answer: JSON.parse(answer) as unknown
    })
  )
}

describe("the examples of the documentation", () => {
  for (const [page, count] of [["http-api.md", 7], ["wire-protocol.md", 1]] as const) {
    it.scopedLive(`${page}: answer as it is written there`, () =>
      Effect.gen(function*() {
        const server = yield* startServer()
        const examples = examplesIn(page)
        expect(examples.length).toBe(count)
        for (const { answer, body, headers, method, path } of examples) {
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
