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

const seconds = (value: number): string => {
  const size = Math.abs(value)
  if (size >= 172_800) return `${short(value / 86_400)} d`
  if (size >= 7200) return `${short(value / 3600)} h`
  if (size >= 120) return `${short(value / 60)} min`
  return size > 0 && size < 1 ? `${short(value * 1000)} ms` : `${short(value)} s`
}

/**
 * Writes a value in the unit that the metric type's name ends in:
 * `cpu_percent` as `12.5 %`, `memory_used_bytes` as `1.5 GiB`,
 * `network_receive_bytes_per_second` as `310 KiB/s`.
 */
export const formatValue = (metricType: string, value: number): string => {
  const perSecond = metricType.endsWith("_per_second")
  const quantity = perSecond ? metricType.slice(0, -"_per_second".length) : metricType
  const rate = perSecond ? "/s" : ""
  if (quantity.endsWith("_percent")) return `${short(value)} %`
  if (quantity.endsWith("_celsius")) return `${short(value)} °C`
  if (quantity.endsWith("bytes")) {
    const [size, prefix] = scaled(value, 1024, binary)
    return `${short(size)} ${prefix}${rate}`
  }
  if (quantity.endsWith("_seconds")) return seconds(value)
  const [size, prefix] = scaled(value, 1000, decimal)
  return `${short(size)}${prefix === "" ? "" : ` ${prefix}`}${rate}`
}
