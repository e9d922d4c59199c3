import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/browser/**", "test/examples/**"],
    // On two processors Vitest would run one file at a time, and many of ours wait for sockets and processes.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    minWorkers: 1,
    testTimeout: 30_000,
    hookTimeout: 120_000
  }
})
