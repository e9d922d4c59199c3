import { Effect } from "effect"
import { senderCosts } from "./SenderCost.js"
import { answerWords, tell } from "./Talk.js"

// What `sendMetric` and `sendMetrics` cost: `Acceptance <rounds>`, a message for each way to call them.

const [, , rounds] = process.argv

answerWords(() => Promise.resolve({}))
for (const cost of await Effect.runPromise(senderCosts(Number(rounds)))) tell({ ...cost })
