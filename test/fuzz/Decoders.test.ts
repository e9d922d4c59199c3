import { describe, expect, it } from "vitest"
import { decoders } from "../../scripts/fuzz/Decoders.js"
import { type FuzzCount, makeInput, tryInput } from "../../scripts/fuzz/FuzzRun.js"
import { Mutator } from "../../scripts/fuzz/Mutator.js"

const inputs = 2_000

describe("bad input at the real decoders", () => {
  for (const decoder of decoders) {
    it(`${decoder.name}: is refused or comes back as it was, and nothing is thrown`, () => {
      const mutator = new Mutator(20_260_101)
      const count: FuzzCount = { inputs: 0, accepted: 0, slowest: 0 }
      for (const sample of decoder.samples) {
        expect(tryInput(decoder, Buffer.from(sample), count)).toBeUndefined()
      }
      for (let i = 0; i < inputs; i++) {
        const finding = tryInput(decoder, makeInput(decoder, mutator), count)
        if (finding !== undefined) {
          expect.fail(`${finding.decoder}: ${finding.problem}\ninput (base64): ${finding.input.toString("base64")}`)
        }
      }
      // Both ways must have been gone, or nothing was tried.
      expect(count.accepted).toBeGreaterThan(0)
      expect(count.accepted).toBeLessThan(count.inputs)
    })
  }

  // Inputs that were found by fuzzing and not stood then.
  const once: ReadonlyArray<readonly [decoder: string, input: string]> = [
    ["frame of a server", "{\"type\":{\"toString\":1,\"valueOf\":2},\"stream\":\"s1\",\"next\":1}"],
    ["frame of a sender", "{\"type\":\"hello\",\"protocol\":1,\"sender\":\"me\",\"streams\":[],\"time\":1e999}"]
  ]
  it.each(once)("%s: %s is refused", (name, input) => {
    const decoder = decoders.find((one) => one.name === name)
    expect(decoder?.accepts(Buffer.from(input))).toBe(false)
  })

  it("is the same for the same seed", () => {
    const [decoder] = decoders
    const made = [1, 1, 2].map((seed) => {
      const mutator = new Mutator(seed)
      return Array.from({ length: 20 }, () => makeInput(decoder, mutator).toString("base64")).join()
    })
    expect(made[0]).toBe(made[1])
    expect(made[0]).not.toBe(made[2])
  })
})
