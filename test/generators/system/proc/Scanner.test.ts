import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { Scanner } from "../../../../src/generators/system/proc/Scanner.js"

describe("Scanner", () => {
  it("reads words and numbers between any blanks, and stays on its line", () => {
    const scanner = new Scanner("  eth0:\t12   0.25 x\nnext 7")
    expect(scanner.wordBefore(":")).toBe("eth0")
    expect(scanner.number()).toBe(12)
    expect(scanner.number()).toBe(0.25)
    expect(scanner.number()).toBeNaN()
    expect(scanner.word()).toBe("x")
    expect(scanner.word()).toBe("")
    expect(scanner.number()).toBeNaN()
    expect(scanner.wordBefore("7")).toBe("")
    expect(scanner.done).toBe(false)
    scanner.nextLine()
    expect(scanner.word()).toBe("next")
    scanner.skipWords(3)
    expect(scanner.done).toBe(true)
    scanner.nextLine()
    expect(scanner.done).toBe(true)
    expect(scanner.word()).toBe("")
  })

  it("reads a negative number, and no number out of a lone sign or dot", () => {
    expect(new Scanner("-12.5").number()).toBe(-12.5)
    expect(new Scanner("- 1").number()).toBeNaN()
    expect(new Scanner(". 1").number()).toBeNaN()
    expect(new Scanner("nan").number()).toBeNaN()
    expect(new Scanner("").number()).toBeNaN()
  })

  it("reads counters and decimals of any length exactly as JavaScript does", () => {
    const digits = FastCheck.stringMatching(/^[0-9]{1,22}(?:\.[0-9]{1,6})?$/)
    FastCheck.assert(FastCheck.property(digits, (text) => {
      expect(new Scanner(`${text} 1`).number()).toBe(Number(text))
    }))
    expect(new Scanner("18446744073709551615").number()).toBe(2 ** 64)
  })
})
