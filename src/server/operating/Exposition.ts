/** How metrics are written for a scraper. */
export type ExpositionFormat = "prometheus" | "openmetrics"

/** Media type of each format. */
export const expositionTypes: { readonly [format in ExpositionFormat]: string } = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
}

/** The format that an `Accept` header prefers: OpenMetrics only where it is named. */
export const acceptedFormat = (accept: string | undefined): ExpositionFormat =>
  accept !== undefined && /application\/openmetrics-text/i.test(accept) ? "openmetrics" : "prometheus"

/** What kind of metric a family is; `unknown` where nobody said. */
export type FamilyType = "counter" | "gauge" | "histogram" | "unknown"

/** One value of a family. */
export interface Sample {
  /** What follows the family's name, as in `_bucket`; a counter's `_total` is not named here. */
  readonly suffix?: string
  readonly labels?: ReadonlyArray<readonly [name: string, value: string]>
  readonly value: number
  /** Ms since the epoch; without it the scraper stamps the value. */
  readonly timestamp?: number
}

const escape = (text: string): string =>
  /[\\\n"]/.test(text) ? text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\"", "\\\"") : text

/** Labels as they stand behind a name. */
export const labelsText = (labels: Sample["labels"]): string =>
  labels === undefined || labels.length === 0
    ? ""
    : `{${labels.map(([name, value]) => `${name}="${escape(value)}"`).join(",")}}`

/** Turns any text into a name that Prometheus takes. */
export const expositionName = (text: string): string => text.replaceAll(/[^a-zA-Z0-9_]/g, "_").replace(/^(?=\d)/, "_")

/**
 * Writes families of metrics in the Prometheus text format
 * (https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4)
 * or in OpenMetrics (https://prometheus.io/docs/specs/om/open_metrics_spec/,
 * version 1.0), which differ in the names of counters, in the word for a type
 * nobody knows, in the unit of time and in how they end.
 */
export class Exposition {
  private lines: Array<string> = []
  private readonly names = new Set<string>()
  private name = ""
  private ending = ""

  constructor(private readonly format: ExpositionFormat) {}

  /** Whether a family of this name was written. */
  has(name: string): boolean {
    return this.names.has(name)
  }

  /** Writes a family. A counter's name is given without `_total`. */
  family(name: string, type: FamilyType, help: string, samples: Iterable<Sample>): void {
    this.begin(name, type, help)
    for (const { labels, suffix, timestamp, value } of samples) {
      this.sample(labelsText(labels), value, timestamp, suffix)
    }
  }

  /** Begins a family whose samples follow. */
  begin(name: string, type: FamilyType, help: string): void {
    const openMetrics = this.format === "openmetrics"
    this.name = name
    this.ending = type === "counter" ? "_total" : ""
    const named = openMetrics ? name : name + this.ending
    this.names.add(name)
    this.lines.push(`# HELP ${named} ${help}`)
    this.lines.push(`# TYPE ${named} ${type === "unknown" && !openMetrics ? "untyped" : type}`)
  }

  /** Writes a value of the family that was begun last, with its labels as {@link labelsText} writes them. */
  sample(labels: string, value: number, timestamp?: number, suffix = this.ending): void {
    const at = timestamp === undefined ? "" : ` ${this.format === "openmetrics" ? timestamp / 1000 : timestamp}`
    this.lines.push(`${this.name}${suffix}${labels} ${value}${at}`)
  }

  comment(text: string): void {
    // OpenMetrics has no comments.
    if (this.format === "prometheus") this.lines.push(`# ${text}`)
  }

  /** Says that nothing follows. */
  end(): void {
    if (this.format === "openmetrics") this.lines.push("# EOF")
  }

  /** Hands over what was written since it was asked last. */
  take(): string {
    const text = this.lines.length === 0 ? "" : `${this.lines.join("\n")}\n`
    this.lines = []
    return text
  }
}
