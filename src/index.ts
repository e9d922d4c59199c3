/**
 * What a program imports that embeds the collector, the server, or both.
 *
 * Read it from the top: metrics, generators, the pipeline they run in, the
 * sender that delivers, the server that stores, the client that asks.
 */

// Metrics
export { ChessGameMetrics } from "./domain/ChessGameMetrics.js"
export { decodeMetric } from "./domain/decodeMetric.js"
export { GenericMetric, toWire, type WireMetric } from "./domain/GenericMetric.js"
export { type Identity, identity, metadataOf, type Tags } from "./domain/Identity.js"
export { type Json, type JsonObject, MetadataLimits } from "./domain/Json.js"
export { type Points, type Series, type SeriesHints } from "./domain/Series.js"
export { SystemMetrics } from "./domain/SystemMetrics.js"
export { decodeMetricOrPoint, decodePoint, TimeseriesPoint, toTimeseriesFormat } from "./domain/TimeseriesPoint.js"

// Generators
export { GenericMetricsGenerator } from "./generators/GenericMetricsGenerator.js"
export { LichessMetricsCollector } from "./generators/LichessMetricsCollector.js"
export { GeneratorError, MetricsGenerator } from "./generators/MetricsGenerator.js"
export { NdjsonGenerator } from "./generators/NdjsonGenerator.js"
export { SelfMetricsGenerator, type SelfMetricsOptions } from "./generators/SelfMetricsGenerator.js"
export { ProcProbe } from "./generators/system/ProcProbe.js"
export { ProbeError, SystemProbe } from "./generators/system/SystemProbe.js"
export { SystemMetricsGenerator } from "./generators/SystemMetricsGenerator.js"

// Pipeline
export {
  type CollectorOptions,
  type Gathered,
  MetricsCollector,
  type MetricsSource,
  type OverflowStrategy
} from "./collector/MetricsCollector.js"
export { MetricsPipeline, type PipelineOptions } from "./MetricsPipeline.js"
export { type Loss, LossLedger, type LossReason, type LossTotal } from "./telemetry/LossLedger.js"
export {
  type GeneratorStatus,
  type PipelineSnapshot,
  PipelineStatus,
  type QueueStatus,
  type SenderStatus,
  type TransportState
} from "./telemetry/PipelineStatus.js"

// Sender
export { type SocketConnection, SocketConnector, SocketError } from "./sender/delivery/SocketConnector.js"
export {
  type Acceptance,
  DeliveryStoppedError,
  type DeliveryTarget,
  GenericMetricsSender,
  InvalidMetricError,
  type PlainFormat,
  type SenderOptions
} from "./sender/GenericMetricsSender.js"
export { MemoryOutbox } from "./sender/MemoryOutbox.js"
export { Outbox, OutboxError, type OutboxLimits } from "./sender/Outbox.js"
export { SqliteOutbox } from "./sender/SqliteOutbox.js"
export { type Endpoint, EndpointError, parseEndpoint } from "./wire/Endpoint.js"

// Server
export type { Aggregate } from "./domain/Aggregate.js"
export { MetricsServer, type MetricsServerOptions } from "./server/MetricsServer.js"
export { ServerError } from "./server/ServerError.js"
export { SqliteFileError, type SqliteFileReason } from "./sqlite/SqliteFileError.js"
export { MemoryMetricStore } from "./store/MemoryMetricStore.js"
export {
  type Buckets,
  type LatestPoint,
  MetricStore,
  type QueryAnswer,
  QueryError,
  type QueryText,
  type SeriesFilter,
  type SeriesInfo,
  type SeriesPoints,
  StoreError,
  type StoreQuery,
  type StoreStats
} from "./store/MetricStore.js"
export { QueryThread } from "./store/query/QueryThread.js"
export { enforceRetention, type Retention } from "./store/retention/Retention.js"
export type { RetentionOptions } from "./store/retention/RetentionAges.js"
export { SqliteMetricStore } from "./store/SqliteMetricStore.js"

// Client and command
export * as Cli from "./Cli.js"
export type { ClientError } from "./client/ClientError.js"
export {
  type LiveEvent,
  MetricsClient,
  type MetricsClientOptions,
  type PointsQuestion
} from "./client/MetricsClient.js"
