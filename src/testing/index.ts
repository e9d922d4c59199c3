/**
 * What tests of a program import that embeds the collector: a sender that
 * keeps what was sent, and suites that a Layer of one's own must pass.
 */
export { type DeliveryCheck, deliverySuite, type Ways } from "./DeliverySuite.js"
export { type FakePoint, type FakeServer, type Fault, makeFakeServer } from "./FakeServer.js"
export { type OutboxCheck, outboxSuite } from "./OutboxSuite.js"
export { plainDeliverySuite } from "./PlainDeliverySuite.js"
export { SentMetrics } from "./SentMetrics.js"
export {
  type CommitMoment,
  type Death,
  describeFault,
  type Fault as SimulatedFault,
  type FrameTrouble,
  type HttpTrouble,
  type SenderNetwork,
  type SenderProgram,
  simulate,
  type SimulationOptions,
  type SimulationReport,
  type SocketTrouble
} from "./simulation/Simulation.js"
export { type StoreCheck, storeSuite } from "./StoreSuite.js"
