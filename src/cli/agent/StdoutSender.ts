import { Clock, Effect, Layer } from "effect"
import { GenericMetric, metricProblem, toWire } from "../../domain/GenericMetric.js"
import { printableJson } from "../../domain/Printable.js"
import { toTimeseriesFormat } from "../../domain/TimeseriesPoint.js"
import { GenericMetricsSender } from "../../sender/GenericMetricsSender.js"
import { OutboxError } from "../../sender/Outbox.js"
import { PipelineStatus } from "../../telemetry/PipelineStatus.js"
import { writeStdout } from "../terminal/Stdout.js"

/** How a metric is written to standard output, one a line. */
export type StdoutFormat = "generic" | "timeseries"

/**
 * A sender that writes to standard output instead of a server: for looking at
 * what is collected, and for pipes into other programs.
 */
export const stdoutSender = (format: StdoutFormat): Layer.Layer<GenericMetricsSender, never, PipelineStatus> =>
  Layer.effect(
    GenericMetricsSender,
    Effect.gen(function*() {
      const status = yield* PipelineStatus
      status.sender.endpoint = "standard output"

      const sendMetrics = (metrics: Iterable<GenericMetric>) =>
        Effect.gen(function*() {
          const now = yield* Clock.currentTimeMillis
          const rejected: Array<{ readonly index: number; readonly message: string }> = []
          let lines = ""
          let index = 0
          let accepted = 0
          for (const metric of metrics) {
            const problem = metricProblem(metric)
            if (problem === undefined) {
              const stamped = metric.timestamp === undefined
                ? new GenericMetric({ ...metric, timestamp: now }, true)
                : metric
              lines += `${printableJson(format === "generic" ? toWire(stamped) : toTimeseriesFormat(stamped))}\n`
              accepted++
            } else rejected.push({ index, message: problem })
            index++
          }
          yield* Effect.mapError(
            writeStdout(lines),
            ({ message }) => new OutboxError({ reason: "Closed", message })
          )
          status.sender.accepted += accepted
          status.sender.acknowledged += accepted
          return { accepted, rejected }
        })

      return {
        sendMetrics,
        sendMetric: (metric) => Effect.asVoid(sendMetrics([metric])),
        flush: Effect.void
      }
    })
  )
