import "uplot/dist/uPlot.min.css"
import "./style.css"
import { Chart } from "./Chart.js"
import { NewestTable } from "./NewestTable.js"
import { chartKey, passes, type Point, seriesKey } from "./Points.js"
import { follow, history, latest, openSession, Unauthorized } from "./Server.js"

/** Most charts on the page; the filter brings the others up. */
const maxCharts = 24

/** What a person wants to see first; everything else follows by name. */
const first = ["cpu_percent", "memory_used_percent", "load_1m", "network_receive_bytes_per_second", "move", "material"]

const find = <A extends Element>(id: string, type: new() => A): A => {
  const found = document.getElementById(id)
  if (!(found instanceof type)) throw new Error(`the page has no #${id}`)
  return found
}

const connection = find("connection", HTMLParagraphElement)
const rate = find("rate", HTMLParagraphElement)
const filter = find("filter", HTMLInputElement)
const range = find("window", HTMLSelectElement)
const empty = find("empty", HTMLElement)
const more = find("more", HTMLParagraphElement)
const chartArea = find("charts", HTMLElement)
const tableArea = find("table", HTMLElement)
const login = find("login", HTMLDialogElement)
const table = new NewestTable(tableArea.querySelector("tbody") ?? document.createElement("tbody"))

const newest = new Map<string, Point>()
const charts = new Map<string, Chart>()
let arrived = 0
// What is asked for belongs to one choice of range and filter; an answer that
// comes after the choice has changed is dropped.
let choice = 0

const windowMillis = (): number => Number(range.value) * 1000

const rank = (point: Point): string => {
  const place = first.indexOf(point.metric_type)
  return `${place === -1 ? 9 : place}${point.origin === "metrics_collector" ? 1 : 0}${point.origin}${point.metric_type}`
}

/** Makes the charts that the filter leaves and that are not there yet. */
const arrange = (): void => {
  const wanted = new Map<string, Point>()
  for (const point of newest.values()) if (passes(filter.value, point)) wanted.set(chartKey(point), point)
  const order = [...wanted.entries()].sort(([, a], [, b]) => rank(a) < rank(b) ? -1 : 1)
  const shown = order.slice(0, maxCharts)
  if (shown.every(([key], index) => [...charts.keys()][index] === key) && shown.length === charts.size) return
  const keep = new Set(shown.map(([key]) => key))
  for (const [key, chart] of charts) {
    if (keep.has(key)) continue
    chart.card.remove()
    charts.delete(key)
  }
  for (const [key, point] of shown) {
    const known = charts.get(key)
    if (known !== undefined) {
      // Moving a key to the end and its card with it leaves both in order.
      charts.delete(key)
      charts.set(key, known)
      chartArea.append(known.card)
      continue
    }
    const chart = new Chart(point.origin, point.metric_type)
    charts.set(key, chart)
    chartArea.append(chart.card)
    const current = choice
    const step = Math.max(1000, Math.round(windowMillis() / 400))
    history(point.origin, point.metric_type, Date.now() - windowMillis(), step).then(
      (series) => {
        if (current === choice) chart.fill(series.filter((one) => passes(filter.value, one)))
      },
      () => {}
    )
  }
  const left = order.length - shown.length
  more.hidden = left === 0
  more.textContent = `${left} more charts: narrow them down with the filter above.`
}

const restart = (): void => {
  choice++
  for (const chart of charts.values()) chart.card.remove()
  charts.clear()
  arrange()
}

const take = (points: ReadonlyArray<Point>): void => {
  arrived += points.length
  for (const point of points) {
    const key = seriesKey(point)
    const before = newest.get(key)
    if (before === undefined || before.timestamp <= point.timestamp) newest.set(key, point)
    if (passes(filter.value, point)) charts.get(chartKey(point))?.add(point)
  }
}

const draw = (): void => {
  if (document.hidden) return
  arrange()
  const now = Date.now()
  for (const chart of charts.values()) chart.draw(now, windowMillis())
  table.draw(newest, filter.value)
  empty.hidden = newest.size > 0
  tableArea.hidden = newest.size === 0
}

const show = (state: "connecting" | "live" | "lost", text: string): void => {
  connection.dataset["state"] = state
  connection.textContent = text
}

const start = async (): Promise<void> => {
  try {
    for (const point of await latest()) newest.set(seriesKey(point), point)
  } catch (error) {
    if (error instanceof Unauthorized) return login.showModal()
    show("lost", "the server does not answer; trying again")
    window.setTimeout(() => void start(), 2000)
    return
  }
  draw()
  const source = follow({
    opened: () => {
      show("live", "live")
      restart()
    },
    arrived: take,
    lost: () => {
      show("lost", "connection lost; trying again")
      if (source.readyState !== EventSource.CLOSED) return
      // The browser gave up: the server refused. Begin anew, which asks for a token if that is why.
      window.setTimeout(() => void start(), 2000)
    }
  })
}

find("example", HTMLPreElement).textContent = `curl ${location.origin}/api/metrics \\
  -H 'content-type: application/json' \\
  -d '{"origin":"hello","metric_type":"greetings","value":1}'`

filter.addEventListener("input", restart)
range.addEventListener("change", restart)
find("controls", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault())
window.addEventListener("resize", () => charts.forEach((chart) => chart.resize()))
login.addEventListener("cancel", (event) => event.preventDefault())
login.querySelector("form")?.addEventListener("submit", (event) => {
  event.preventDefault()
  const input = find("token", HTMLInputElement)
  void openSession(input.value).then((accepted) => {
    input.value = ""
    find("login-problem", HTMLParagraphElement).textContent = accepted ? "" : "That is not the token of this server."
    if (!accepted) return
    login.close()
    void start()
  })
})

window.setInterval(draw, 500)
window.setInterval(() => {
  rate.textContent = arrived === 0 ? "" : `${arrived} points/s`
  arrived = 0
}, 1000)
void start()
