import { type Aggregate, isAggregate } from "../domain/Aggregate.js"

/** What the page Explore shows; its address holds all of it. Times and spans are ms. */
export interface View {
  readonly metrics: ReadonlyArray<{ readonly origin: string; readonly metricType: string }>
  readonly tags: { readonly [key: string]: string }
  /** Tags by which series are put together; `undefined`: each for itself. */
  readonly by: ReadonlyArray<string> | undefined
  readonly aggregate: Aggregate
  /** `undefined`: as fits the span. */
  readonly step: number | undefined
  /** The last `span` before now, or from one instant to another. */
  readonly range: { readonly span: number } | { readonly from: number; readonly to: number }
}

const defaultSpan = 3_600_000

const numberIn = (parameters: URLSearchParams, name: string): number | undefined => {
  const value = Number(parameters.get(name) ?? NaN)
  return Number.isFinite(value) ? value : undefined
}

/** Reads a view from an address. What cannot be read is as in a new view. */
export const readView = (parameters: URLSearchParams): View => {
  const from = numberIn(parameters, "from")
  const to = numberIn(parameters, "to")
  const aggregate = parameters.get("aggregate") ?? ""
  const by = parameters.get("by")
  const step = numberIn(parameters, "step")
  const tags: Array<readonly [string, string]> = []
  for (const [name, value] of parameters) if (name.startsWith("tag.")) tags.push([name.slice(4), value])
  return {
    metrics: parameters.getAll("m").flatMap((text) => {
      const at = text.indexOf("/")
      if (at < 0) return []
      return [{ origin: decodePart(text.slice(0, at)), metricType: decodePart(text.slice(at + 1)) }]
    }),
    tags: Object.fromEntries(tags),
    by: by === null ? undefined : by.split(",").filter((key) => key !== ""),
    aggregate: isAggregate(aggregate) ? aggregate : "avg",
    step: step !== undefined && step >= 1 ? Math.round(step) : undefined,
    range: from !== undefined && to !== undefined && from < to
      ? { from, to }
      : { span: Math.max(1000, (numberIn(parameters, "range") ?? defaultSpan / 1000) * 1000) }
  }
}

// A slash tells origin and metric type apart, so one inside them is escaped.
const encodePart = (text: string): string => text.replaceAll("%", "%25").replaceAll("/", "%2F")
const decodePart = (text: string): string => text.replaceAll("%2F", "/").replaceAll("%25", "%")

/** Writes a view as an address; {@link readView} reads it back. */
export const writeView = (view: View): URLSearchParams => {
  const parameters = new URLSearchParams()
  for (const { metricType, origin } of view.metrics) {
    parameters.append("m", `${encodePart(origin)}/${encodePart(metricType)}`)
  }
  for (const [key, value] of Object.entries(view.tags)) parameters.set(`tag.${key}`, value)
  if (view.by !== undefined) parameters.set("by", view.by.join(","))
  if (view.aggregate !== "avg") parameters.set("aggregate", view.aggregate)
  if (view.step !== undefined) parameters.set("step", String(view.step))
  if ("span" in view.range) {
    if (view.range.span !== defaultSpan) parameters.set("range", String(view.range.span / 1000))
  } else {
    parameters.set("from", String(Math.round(view.range.from)))
    parameters.set("to", String(Math.round(view.range.to)))
  }
  return parameters
}

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/** Steps that people count in, ms. */
export const steps: ReadonlyArray<number> = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * second),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * minute),
  ...[1, 2, 6, 12, 24].map((n) => n * hour)
]

/** The step that gives a span some hundreds of values. */
export const stepFor = (span: number): number =>
  steps.find((step) => span / step <= 600) ?? Math.ceil(span / 600 / (24 * hour)) * 24 * hour
