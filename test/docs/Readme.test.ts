import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { directory, ProgramError, run, serve } from "../e2e/Program.js"
import { blocksOf, curlExamples, curlRequest } from "./Documents.js"

/** Times stand in answers as they come; where they stand is what can be compared. */
const withoutTimes = (text: string): string => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")

/** The words of a command line without quotes. */
const words = (line: string): ReadonlyArray<string> => line.trim().split(/\s+/)

describe("the quick tour of the README", () => {
  it.scopedLive("does what it says, command by command", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { port, url } = yield* serve(cwd)
      const env = { METRICS_ENDPOINT: `ws://127.0.0.1:${port}/ws/metrics`, METRICS_SERVER: url }
      const seen = { commands: 0, requests: 0 }
      for (const { language, next, text } of blocksOf("README.md")) {
        if (language !== "sh") continue
        if (text.startsWith("curl ")) {
          const { path, ...init } = curlRequest(text)
          const answer = yield* Effect.tryPromise({
            try: () =>
              fetch(`${url}${path}`, { method: init.method, headers: init.headers, body: init.body ?? null })
                .then((response): Promise<unknown> => response.json()),
            catch: (cause) => new ProgramError({ message: `${path}: ${String(cause)}` })
          })
          expect(answer, text).toEqual(JSON.parse(next?.text ?? ""))
          seen.requests++
          continue
        }
        let output = ""
        for (const line of text.trim().split("\n")) {
          const [npx, program, ...rest] = words(line)
          expect([npx, program]).toEqual(["npx", "metrics-collector"])
          const ended = yield* run(rest, { cwd, env })
          expect(ended.code, `${line}\n${ended.stderr}`).toBe(0)
          output += ended.stdout
          seen.commands++
        }
        if (next?.language === "text") expect(withoutTimes(output)).toBe(withoutTimes(next.text))
      }
      expect(seen).toEqual({ commands: 2, requests: 4 })
      expect(curlExamples("README.md").length).toBe(seen.requests)
    }))
})
