import { answerWords, tell } from "../delivery/Talk.js"
import { labels, LibraryCost, valueOf } from "./LibraryWork.js"
import { loadModule } from "./loadModule.js"

// The metrics SDK of OpenTelemetry with an OTLP exporter: `OpenTelemetryLibrary <modules> <exporter> <URL>`.
// All series are updated, then exported, and the answer is waited for.

interface Sdk {
  readonly MeterProvider: new(options: { readonly readers: ReadonlyArray<unknown> }) => {
    readonly getMeter: (name: string) => {
      readonly createGauge: (
        name: string
      ) => { readonly record: (value: number, attributes: { readonly [name: string]: string }) => void }
    }
    readonly forceFlush: () => Promise<void>
  }
  readonly PeriodicExportingMetricReader: new(
    options: { readonly exporter: unknown; readonly exportIntervalMillis: number }
  ) => unknown
}

interface Exporter {
  readonly OTLPMetricExporter: new(options: { readonly url: string }) => unknown
}

const isSdk = (loaded: unknown): loaded is Sdk =>
  loaded instanceof Object && "MeterProvider" in loaded && "PeriodicExportingMetricReader" in loaded

const isExporter = (loaded: unknown): loaded is Exporter => loaded instanceof Object && "OTLPMetricExporter" in loaded

const [, , modules, exporterName, url] = process.argv

const { MeterProvider, PeriodicExportingMetricReader } = loadModule(modules, "@opentelemetry/sdk-metrics", isSdk)
const { OTLPMetricExporter } = loadModule(modules, exporterName, isExporter)

const hour = 3_600_000
const provider = new MeterProvider({
  readers: [
    new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter({ url: `${url}/v1/metrics` }),
      exportIntervalMillis: hour
    })
  ]
})
const gauge = provider.getMeter("bench").createGauge("bench_value")

let round = 0

const repeat = (times: number, cost: LibraryCost): Promise<void> => {
  if (times === 0) return Promise.resolve()
  round++
  cost.update(() => labels.forEach((own, series) => gauge.record(valueOf(series, round), own)))
  return provider.forceFlush().then(() => repeat(times - 1, cost))
}

answerWords(async (_, rounds) => {
  const cost = new LibraryCost()
  await repeat(rounds, cost)
  return cost.measured
})
tell({ ready: 1 })
