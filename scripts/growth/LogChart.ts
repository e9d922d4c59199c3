/** A line of a chart. */
export interface ChartLine {
  readonly name: string
  readonly values: ReadonlyArray<number>
}

/** What a chart shows: values over steps that grow by factors. */
export interface LogChart {
  readonly title: string
  /** What grows. */
  readonly across: string
  /** What is measured, with its unit. */
  readonly up: string
  /** The steps; `at` decides where each stands, by its logarithm. */
  readonly steps: ReadonlyArray<{ readonly at: number; readonly label: string }>
  readonly lines: ReadonlyArray<ChartLine>
}

const width = 640
const height = 320
const left = 56
const right = 24
const top = 72
const bottom = 48

const colors = ["#1668b8", "#c2410c", "#15803d", "#7e22ce"]

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const place = (value: number): string => value.toFixed(1)

/** The smallest of 1, 2 and 5 times a power of ten that is not below. */
const roundUp = (value: number): number => {
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 5].find((factor) => factor * power >= value) ?? 10) * power
}

// Values further apart than this would lie on the ground of an axis that counts from zero.
const widest = 20

interface Scale {
  readonly levels: ReadonlyArray<number>
  /** How far up a value stands, 0 to 1. */
  readonly share: (value: number) => number
  readonly digits: number
}

const linear = (most: number): Scale => {
  const grid = roundUp(most / 5)
  const count = Math.ceil(most / grid)
  return {
    levels: Array.from({ length: count + 1 }, (_, i) => i * grid),
    share: (value) => value / (count * grid),
    digits: Math.max(0, -Math.floor(Math.log10(grid)))
  }
}

const logarithmic = (least: number, most: number): Scale => {
  const [from, to] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))]
  return {
    levels: Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i)),
    share: (value) => (Math.log10(value) - from) / (to - from),
    digits: Math.max(0, -from)
  }
}

/** Draws a chart as SVG: the axis across by logarithm, the one up from zero on, or by logarithm where values need it. */
export const logChart = ({ across, lines, steps, title, up }: LogChart): string => {
  const all = lines.flatMap(({ values }) => values.filter(Number.isFinite))
  const [least, most] = [Math.min(...all), Math.max(...all)]
  const { digits, levels, share } = most > widest * least ? logarithmic(least, most) : linear(most)
  const logs = steps.map(({ at }) => Math.log(at))
  const [first, last] = [Math.min(...logs), Math.max(...logs)]
  const x = (step: number): number => left + (width - left - right) * (logs[step] - first) / (last - first)
  const y = (value: number): number => height - bottom - (height - top - bottom) * share(value)
  const text = (at: readonly [number, number], anchor: string, said: string, more = ""): string =>
    `<text x="${place(at[0])}" y="${place(at[1])}" text-anchor="${anchor}"${more}>${escape(said)}</text>`
  const shapes = [
    ...levels.map((level) =>
      `<line x1="${left}" x2="${width - right}" y1="${place(y(level))}" y2="${place(y(level))}" stroke="#e2e8f0"/>` +
      text([left - 8, y(level) + 4], "end", String(Number(level.toFixed(digits))))
    ),
    ...steps.map(({ label }, i) => text([x(i), height - bottom + 18], "middle", label)),
    text([(left + width - right) / 2, height - 8], "middle", across),
    text([left, top - 12], "start", up),
    text([left, 20], "start", title, " font-weight=\"600\""),
    ...lines.map(({ name, values }, line) => {
      const color = colors[line % colors.length]
      const known = values.flatMap((value, i) => Number.isFinite(value) ? [{ at: x(i), up: y(value) }] : [])
      const points = known.map((point) => `${place(point.at)},${place(point.up)}`).join(" ")
      const legend = left + line * 140
      return `<polyline points="${points}" fill="none" stroke="${color}" stroke-width="2"/>` +
        known.map((point) => `<circle cx="${place(point.at)}" cy="${place(point.up)}" r="3" fill="${color}"/>`).join(
          ""
        ) +
        `<rect x="${legend}" y="29" width="10" height="10" fill="${color}"/>` +
        text([legend + 15, 38], "start", name)
    })
  ]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
    `font-family="system-ui, sans-serif" font-size="12" fill="#334155" role="img" aria-label="${
      escape(title).replaceAll("\"", "&quot;")
    }">\n` +
    `<rect width="${width}" height="${height}" fill="#ffffff"/>\n${shapes.join("\n")}\n</svg>\n`
}
