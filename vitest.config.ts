import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

/** Files that run for long whatever the machine: begun last, they would be waited for alone. */
const long = [
  "test/testing/simulation/Simulation",
  "test/package/",
  "test/budget/Programs",
  "test/e2e/Soak",
  "test/e2e/",
  "test/store/QueryOracle",
  "test/sender/DeliveryUnderFaults",
  "test/testing/simulation/"
]

class LongFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const found = long.findIndex((part) => moduleId.includes(part))
      return found === -1 ? long.length : found
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/browser/**", "test/examples/**"],
    // On two processors Vitest would run one file at a time, and many of ours wait for sockets and processes.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    minWorkers: 1,
    sequence: { sequencer: LongFirst },
    // For what hangs: what is only slow, on a machine that is busy with other things, is waited for.
    testTimeout: 300_000,
    hookTimeout: 300_000
  }
})
