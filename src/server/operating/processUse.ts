import type { ProcessUse } from "./PrometheusText.js"

/** What this process takes of its machine now. */
export const processUse = (): ProcessUse => {
  const { system, user } = process.cpuUsage()
  return { residentBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6 }
}
