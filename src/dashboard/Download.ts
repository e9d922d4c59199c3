import type { ChartLine } from "./ChartLine.js"
import { csvOf, type DrawnLine } from "./Csv.js"
import { colourOf } from "./Palette.js"

const save = (name: string, content: Blob): void => {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

/** Gives the lines to the browser as a CSV file. */
export const saveCsv = (name: string, lines: ReadonlyArray<DrawnLine>): void =>
  save(`${name}.csv`, new Blob([csvOf(lines)], { type: "text/csv" }))

/** Gives the picture of a chart, with its title and legend, to the browser as a PNG file. */
export const savePng = (
  name: string,
  title: string,
  plot: HTMLCanvasElement,
  lines: ReadonlyArray<ChartLine>
): void => {
  const style = getComputedStyle(document.documentElement)
  const scale = window.devicePixelRatio
  const row = 18 * scale
  const columns = Math.max(1, Math.floor(plot.width / (300 * scale)))
  const picture = document.createElement("canvas")
  picture.width = plot.width + 2 * row
  picture.height = plot.height + row * (3 + Math.ceil(lines.length / columns))
  const pen = picture.getContext("2d")
  if (pen === null) return
  pen.fillStyle = style.getPropertyValue("--card")
  pen.fillRect(0, 0, picture.width, picture.height)
  pen.fillStyle = style.getPropertyValue("--text")
  pen.font = `600 ${14 * scale}px system-ui, sans-serif`
  pen.fillText(title, row, 1.5 * row)
  pen.drawImage(plot, row, 2 * row)
  pen.font = `${12 * scale}px system-ui, sans-serif`
  lines.forEach(({ label, metricType }, i) => {
    const x = row + (i % columns) * ((picture.width - 2 * row) / columns)
    const y = plot.height + row * (3 + Math.floor(i / columns)) - row / 3
    pen.fillStyle = colourOf(i)
    pen.fillRect(x, y - 6 * scale, 12 * scale, 3 * scale)
    pen.fillStyle = style.getPropertyValue("--text")
    pen.fillText(`${metricType} ${label}`.trim(), x + 18 * scale, y, (picture.width - 2 * row) / columns - 24 * scale)
  })
  picture.toBlob((content) => {
    if (content !== null) save(`${name}.png`, content)
  })
}
