import { expect } from "@effect/vitest"

/** Holds a figure to its budget; the message of a failure names both. */
export const atMost = (what: string, figure: number, budget: number): void => {
  expect(figure, `${what}: ${figure}, and may be ${budget} at most`).toBeLessThanOrEqual(budget)
}
