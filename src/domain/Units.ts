/** The unit of a metric type, as the end of its name tells. */
export type Unit =
  | "percent"
  | "celsius"
  | "bytes"
  | "bytes per second"
  | "seconds"
  | "per second"
  | "number"

/** Reads the unit of a metric type from its name: `memory_used_bytes` counts bytes. */
export const unitOf = (metricType: string): Unit => {
  if (metricType.endsWith("_bytes_per_second")) return "bytes per second"
  if (metricType.endsWith("_percent")) return "percent"
  if (metricType.endsWith("_celsius")) return "celsius"
  if (metricType.endsWith("bytes")) return "bytes"
  if (metricType.endsWith("_per_second")) return "per second"
  if (metricType.endsWith("_seconds")) return "seconds"
  return "number"
}

const binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
const decimal = ["", "k", "M", "G", "T", "P"]

const scaled = (value: number, base: number, prefixes: ReadonlyArray<string>): readonly [number, string] => {
  let size = Math.abs(value)
  let index = 0
  while (size >= base && index < prefixes.length - 1) {
    size /= base
    index++
  }
  return [value < 0 ? -size : size, prefixes[index]]
}

const short = (value: number): string => {
  const size = Math.abs(value)
  if (size !== 0 && size < 0.001) return value.toExponential(1)
  return String(Number(value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3)))
}

const parts = (value: number, small: number, big: string, rest: string): string => {
  const whole = Math.round(value)
  const left = whole % small
  return `${value < 0 ? "-" : ""}${Math.floor(Math.abs(whole) / small)} ${big}${
    left === 0 ? "" : ` ${Math.abs(left)} ${rest}`
  }`
}

const seconds = (value: number): string => {
  const size = Math.abs(value)
  if (size >= 172_800) return parts(value / 3600, 24, "d", "h")
  if (size >= 7200) return parts(value / 60, 60, "h", "min")
  if (size >= 120) return parts(value, 60, "min", "s")
  if (size > 0 && size < 0.001) return `${short(value * 1e6)} µs`
  return size > 0 && size < 1 ? `${short(value * 1000)} ms` : `${short(value)} s`
}

/** Writes a value in a unit: `12.5 %`, `1.5 GiB`, `310 KiB/s`. */
export const formatUnit = (unit: Unit, value: number): string => {
  switch (unit) {
    case "percent":
      return `${short(value)} %`
    case "celsius":
      return `${short(value)} °C`
    case "seconds":
      return seconds(value)
    case "bytes":
    case "bytes per second": {
      const [size, prefix] = scaled(value, 1024, binary)
      return `${short(size)} ${prefix}${unit === "bytes" ? "" : "/s"}`
    }
    case "per second":
    case "number": {
      const [size, prefix] = scaled(value, 1000, decimal)
      return `${short(size)}${prefix === "" ? "" : ` ${prefix}`}${unit === "number" ? "" : "/s"}`
    }
  }
}

/** Writes a value in the unit that its metric type's name ends in. */
export const formatValue = (metricType: string, value: number): string => formatUnit(unitOf(metricType), value)

const powers = (base: number, from: number, to: number, factors: ReadonlyArray<number>): Array<number> => {
  const steps: Array<number> = []
  for (let power = from; power <= to; power++) for (const factor of factors) steps.push(factor * base ** power)
  return steps
}

const decimalSteps = powers(10, -9, 18, [1, 2, 2.5, 5])

const binarySteps = [
  ...powers(10, -3, -1, [1, 2, 5]),
  ...powers(1024, 0, 5, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
]

const timeSteps = [
  ...powers(10, -9, 0, [1, 2, 5]),
  10,
  15,
  20,
  30,
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60),
  ...[1, 2, 6, 12, 24, 48, 120, 240].map((hours) => hours * 3600),
  ...powers(10, 0, 5, [20, 50, 100]).map((days) => days * 86_400)
]

/** Distances between the ticks of an axis that give round numbers in a unit. */
export const tickSteps = (unit: Unit): Array<number> =>
  unit === "bytes" || unit === "bytes per second" ? binarySteps : unit === "seconds" ? timeSteps : decimalSteps

const count = new Intl.NumberFormat("en")

/** Writes a whole number with its thousands apart: `1,234,567`. */
export const formatCount = (value: number): string => count.format(value)

/** Writes a count in at most four digits, as in `950`, `12.3k`, `4.56M`: for a terminal, where room is scarce. */
export const formatCompact = (value: number): string => {
  let size = value
  let index = 0
  while (Math.abs(size) >= 999.5 && index < decimal.length - 1) {
    size /= 1000
    index++
  }
  const digits = index === 0 ? (Number.isInteger(size) ? 0 : 1) : size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2
  return `${size.toFixed(digits)}${decimal[index]}`
}

/** Writes bytes in at most four digits, in the units of sizes on the command line: `16.4kB`, `1.07GB`. */
export const formatSize = (bytes: number): string => `${formatCompact(bytes)}B`

/** Writes a span of time (ms) in whole seconds: `45 s`, `12 min 5 s`, `5 h 10 min`, `30 d 2 h`. */
export const formatSpan = (millis: number): string => seconds(Math.max(0, Math.round(millis / 1000)))

/** Writes how long ago something was: `now`, `12 s ago`, `3 min 20 s ago`. Times are ms. */
export const formatAge = (millis: number): string => millis < 2_000 ? "now" : `${formatSpan(millis)} ago`
