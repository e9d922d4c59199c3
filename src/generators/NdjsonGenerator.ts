import { NodeStream } from "@effect/platform-node"
import { Chunk, Clock, Effect, Either, Layer, Stream } from "effect"
import { GenericMetric } from "../domain/GenericMetric.js"
import { decodeMetricOrPoint } from "../domain/TimeseriesPoint.js"
import { LossLedger } from "../telemetry/LossLedger.js"
import { PipelineStatus } from "../telemetry/PipelineStatus.js"
import { GeneratorError, MetricsGenerator } from "./MetricsGenerator.js"
import { type NdjsonLine, NdjsonLines } from "./NdjsonLines.js"

/**
 * Metrics of other programs, one JSON object a line: a metric in its wire form
 * or a point of a time-series database. One without a timestamp gets that of
 * its reading. Ends when the bytes end.
 *
 * A line that cannot be taken costs only itself: it is counted as invalid,
 * written down as a loss, and logged with its number and the reason; of lines
 * refused for the same kind of reason the first five are logged, then every
 * tenth, hundredth and so on.
 */
export class NdjsonGenerator extends MetricsGenerator.Tag("stdin")<NdjsonGenerator>() {
  /** Reads any bytes, no faster than the metrics are collected. */
  static readonly layer = <E, R>(
    bytes: Stream.Stream<Uint8Array, E, R>
  ): Layer.Layer<NdjsonGenerator, never, R | LossLedger | PipelineStatus> =>
    MetricsGenerator.layer(NdjsonGenerator, metricsOf(bytes))

  /** Reads standard input. `PipelineStatus` and `LossLedger` are those of the whole build. */
  static readonly layerStdin: Layer.Layer<NdjsonGenerator> = Layer.suspend(() =>
    NdjsonGenerator.layer(NodeStream.fromReadable(() => process.stdin, cannotRead))
  ).pipe(Layer.provide(Layer.merge(PipelineStatus.Default, LossLedger.Default)))
}

const cannotRead = (cause: unknown): GeneratorError =>
  new GeneratorError({
    generator: NdjsonGenerator.generatorName,
    message: `standard input cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
    cause
  })

interface Refusal {
  readonly number: number
  /** Of few kinds, so that they can be counted. */
  readonly kind: string
  readonly message: string
}

const metricsOf = <E, R>(
  bytes: Stream.Stream<Uint8Array, E, R>
): Stream.Stream<GenericMetric, E, R | LossLedger | PipelineStatus> =>
  Stream.unwrap(Effect.gen(function*() {
    const source = NdjsonGenerator.generatorName
    const status = (yield* PipelineStatus).generator(source)
    const ledger = yield* LossLedger
    const lines = new NdjsonLines()
    const refusedByKind = new Map<string, number>()

    const refuse = (refusals: ReadonlyArray<Refusal>): Effect.Effect<void> =>
      Effect.gen(function*() {
        if (refusals.length === 0) return
        status.invalid += refusals.length
        const others = refusals.length === 1 ? "" : ` (and ${refusals.length - 1} more)`
        const detail = `line ${refusals[0].number}: ${refusals[0].message}${others}`
        yield* ledger.record({ source, reason: "invalid", count: refusals.length, detail })
        for (const { kind, message, number } of refusals) {
          const count = (refusedByKind.get(kind) ?? 0) + 1
          refusedByKind.set(kind, count)
          if (count > loggedOfAKind && !isPowerOfTen(count)) continue
          const note = count < loggedOfAKind ? "" : ` (${count} lines so far: ${kind}; most others are only counted)`
          yield* Effect.logWarning(`${source}: line ${number} is left out: ${message}${note}`)
        }
      })

    const read = (taken: Iterable<NdjsonLine>): Effect.Effect<Chunk.Chunk<GenericMetric>> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const metrics: Array<GenericMetric> = []
        const refusals: Array<Refusal> = []
        for (const line of taken) {
          const decoded = decodeLine(line)
          if (Either.isLeft(decoded)) refusals.push(decoded.left)
          else {
            const metric = decoded.right
            metrics.push(
              metric.timestamp === undefined ? new GenericMetric({ ...metric, timestamp: now }, true) : metric
            )
          }
        }
        return Effect.as(refuse(refusals), Chunk.unsafeFromArray(metrics))
      })

    const last = Stream.suspend(() => {
      const line = lines.end()
      return line === undefined ? Stream.empty : Stream.fromEffect(read([line])).pipe(Stream.flattenChunks)
    })
    return bytes.pipe(
      Stream.mapChunksEffect((chunk) => read(Chunk.toReadonlyArray(chunk).flatMap((part) => lines.push(part)))),
      Stream.concat(last)
    )
  }))

const decodeLine = ({ number, problem, text }: NdjsonLine): Either.Either<GenericMetric, Refusal> => {
  if (problem !== undefined) return Either.left({ number, kind: problem, message: problem })
  const json = Either.try((): unknown => JSON.parse(text))
  if (Either.isLeft(json)) return Either.left({ number, kind: "no JSON", message: `no JSON: ${excerpt(text)}` })
  return Either.mapLeft(decodeMetricOrPoint(json.right), (message) => ({ number, kind: "no metric", message }))
}

const excerpt = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)

/** Most refusals of a kind that are logged one by one. */
const loggedOfAKind = 5

const isPowerOfTen = (count: number): boolean => /^10*$/.test(String(count))
