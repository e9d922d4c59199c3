import { formatAge, formatUnit, formatValue } from "../domain/Units.js"
import { element, setText } from "./element.js"
import { type CardOptions, LiveCard } from "./LiveCard.js"
import { NewestTable } from "./NewestTable.js"
import type { Page, PageContext, ShownPage } from "./Page.js"
import { passes, type Point } from "./Points.js"

type CardPlan = Omit<CardOptions, "origin" | "tags">

const valueOf = (newest: ReadonlyMap<string, Point>, metricType: string): number | undefined => {
  let found: number | undefined
  for (const point of newest.values()) if (point.metric_type === metricType) found = (found ?? 0) + point.value
  return found
}

const pair = (first: string, second: string) => (newest: ReadonlyMap<string, Point>): string =>
  [first, second].flatMap((metricType, i) => {
    const value = valueOf(newest, metricType)
    return value === undefined ? [] : [`${i === 0 ? "↓" : "↑"} ${formatValue(metricType, value)}`]
  }).join("  ")

/** What a host shows, in the order in which people ask for it. */
const hostCards: ReadonlyArray<CardPlan> = [
  { title: "CPU", metricTypes: [["cpu_percent", ""]], max: 100, alarm: [85, 97] },
  { title: "Memory", metricTypes: [["memory_used_percent", ""]], max: 100, alarm: [85, 95] },
  { title: "Disk space", metricTypes: [["disk_used_percent", ""]], max: 100, alarm: [85, 95] },
  {
    title: "Disk traffic",
    metricTypes: [["disk_read_bytes_per_second", "read"], ["disk_write_bytes_per_second", "written"]],
    headline: pair("disk_read_bytes_per_second", "disk_write_bytes_per_second")
  },
  {
    title: "Network",
    metricTypes: [["network_receive_bytes_per_second", "in"], ["network_transmit_bytes_per_second", "out"]],
    headline: pair("network_receive_bytes_per_second", "network_transmit_bytes_per_second")
  },
  {
    title: "Load",
    metricTypes: [["load_1m", "1 min"], ["load_5m", "5 min"], ["load_15m", "15 min"]],
    headline: (newest) => formatUnit("number", valueOf(newest, "load_1m") ?? 0)
  },
  { title: "Temperature", metricTypes: [["temperature_celsius", ""]], alarm: [80, 95] },
  { title: "Pressure", subtitle: "time that some work waited", metricTypes: [["pressure_some_percent", ""]] },
  { title: "CPU cores", metricTypes: [["cpu_core_percent", ""]], max: 100 },
  { title: "Processes", metricTypes: [["process_count", ""]] }
]

/** Columns of the table of hosts. */
const hostColumns: ReadonlyArray<readonly [title: string, metricType: string]> = [
  ["CPU", "cpu_percent"],
  ["Memory", "memory_used_percent"],
  ["Disk", "disk_used_percent"],
  ["Load", "load_1m"],
  ["In", "network_receive_bytes_per_second"],
  ["Out", "network_transmit_bytes_per_second"]
]

const ownOrigins: ReadonlySet<string> = new Set(["system", "collector"])

/** Most charts of one origin that are drawn at once; the filter brings the others up. */
const maxOwnCards = 12

/** Most charts that are drawn in one second: with more, a page would take a noticeable part of a processor. */
const drawnAtOnce = 16

const windows: ReadonlyArray<readonly [seconds: number, text: string]> = [
  [300, "5 minutes"],
  [900, "15 minutes"],
  [3_600, "1 hour"],
  [21_600, "6 hours"],
  [86_400, "24 hours"]
]

// A host is called silent after this; the default interval is a second.
const silentAfter = 15_000

const hostOf = (point: Point): string | undefined => point.origin === "system" ? point.tags["host"] ?? "" : undefined

class Overview implements ShownPage {
  readonly root = element("div", { class: "page" })
  private readonly filter = element("input", {
    id: "filter",
    type: "search",
    placeholder: "filter: cpu, host=web-1",
    "aria-label": "Filter series"
  })
  private readonly window = element("select", { id: "window", "aria-label": "Time range" })
  private readonly empty: HTMLElement
  private readonly hostBody = element("tbody")
  private readonly hosts: HTMLElement
  private readonly hostTitle = element("h2")
  private readonly hostArea = element("section", { class: "cards", "aria-label": "Host" })
  private readonly otherArea = element("div")
  private readonly table = new NewestTable()
  private readonly cards = new Map<string, LiveCard>()
  private readonly sections = new Map<
    string,
    { readonly root: HTMLElement; readonly cards: HTMLElement; readonly more: HTMLElement }
  >()
  private readonly rows = new Map<string, HTMLTableRowElement>()
  private host: string | undefined
  private turn = 0

  constructor(private readonly context: PageContext) {
    const { feed, parameters } = context
    this.host = parameters.get("host") ?? undefined
    this.filter.value = parameters.get("filter") ?? ""
    for (const [seconds, text] of windows) this.window.append(element("option", { value: seconds }, text))
    this.window.value = parameters.get("window") ?? "300"
    if (this.window.value === "") this.window.value = "300"
    this.empty = element(
      "section",
      { id: "empty", class: "panel" },
      element("h2", {}, "Nothing has arrived yet"),
      element("p", {}, "This page fills by itself as soon as the first metric is stored. To send one:"),
      element(
        "pre",
        { tabindex: "0" },
        `curl ${location.origin}/api/metrics \\\n  -H 'content-type: application/json' \\\n` +
          "  -d '{\"origin\":\"hello\",\"metric_type\":\"greetings\",\"value\":1}'"
      )
    )
    this.hosts = element(
      "section",
      { class: "panel", "aria-label": "Hosts" },
      element("h2", {}, "Hosts"),
      element(
        "div",
        { class: "scroll", tabindex: "0" },
        element(
          "table",
          { class: "hosts" },
          element(
            "thead",
            {},
            element(
              "tr",
              {},
              ...["Host", ...hostColumns.map(([title]) => title), "Seen"].map((title) =>
                element("th", { scope: "col" }, title)
              )
            )
          ),
          this.hostBody
        )
      )
    )
    this.root.append(
      element("form", { class: "controls", role: "search" }, this.filter, this.window),
      this.empty,
      this.hosts,
      this.hostTitle,
      this.hostArea,
      this.otherArea,
      this.table.root
    )
    this.root.querySelector("form")?.addEventListener("submit", (event) => event.preventDefault())
    this.filter.addEventListener("input", () => this.restart())
    this.window.addEventListener("change", () => this.restart())
    this.tick(feed.now())
  }

  arrived(points: ReadonlyArray<Point>): void {
    for (const point of points) for (const card of this.cards.values()) if (card.takes(point)) card.add(point)
  }

  opened(): void {
    for (const card of this.cards.values()) this.load(card)
  }

  tick(now: number): void {
    const { newest } = this.context.feed
    this.arrange()
    this.fillHosts(now)
    this.draw(now)
    this.table.draw(newest, this.filter.value)
    this.empty.hidden = !this.context.feed.isEmpty
  }

  leave(): void {
    for (const card of this.cards.values()) card.destroy()
    this.table.destroy()
  }

  private get windowMillis(): number {
    return Number(this.window.value) * 1000
  }

  /** Values change every second. Where many charts are on the screen at once, each is drawn in its turn. */
  private draw(now: number): void {
    this.turn++
    const cards = [...this.cards.values()]
    const rounds = Math.max(1, Math.ceil(cards.filter((card) => card.isVisible).length / drawnAtOnce))
    cards.forEach((card, i) => {
      card.tell()
      if ((i + this.turn) % rounds === 0 || !card.isVisible) card.draw(now, this.windowMillis)
    })
  }

  private load(card: LiveCard): void {
    const { failed, feed } = this.context
    const window = this.windowMillis
    card.load(feed, window, Math.max(1000, Math.round(window / 400)), failed)
  }

  private restart(): void {
    const parameters = new URLSearchParams()
    if (this.window.value !== "300") parameters.set("window", this.window.value)
    if (this.filter.value !== "") parameters.set("filter", this.filter.value)
    if (this.host !== undefined) parameters.set("host", this.host)
    this.context.remember(parameters)
    for (const card of this.cards.values()) card.destroy()
    this.cards.clear()
    for (const section of this.sections.values()) section.root.remove()
    this.sections.clear()
    this.tick(this.context.feed.now())
  }

  /** Makes the cards that the filter leaves and that are not there yet. */
  private arrange(): void {
    const points = [...this.context.feed.newest.values()].filter((point) => passes(this.filter.value, point))
    const hosts = new Set(points.map(hostOf).filter((host) => host !== undefined))
    if (this.host === undefined || (!hosts.has(this.host) && hosts.size > 0)) this.host = [...hosts].sort()[0]
    const { host } = this
    const plain = this.filter.value === ""
    const ofHost = points.filter((point) => hostOf(point) === host)
    if (plain && host !== undefined) {
      for (const plan of hostCards) {
        if (!ofHost.some((point) => plan.metricTypes.some(([metricType]) => metricType === point.metric_type))) continue
        this.card(`host ${plan.title}`, { ...plan, origin: "system", tags: host === "" ? {} : { host } }, this.hostArea)
      }
      this.sort()
    }
    setText(this.hostTitle, plain && host !== undefined ? host || "This host" : "")
    this.hostTitle.hidden = !plain || host === undefined
    const origins = new Map<string, Set<string>>()
    for (const point of points) {
      if (plain && ownOrigins.has(point.origin)) continue
      const own = origins.get(point.origin) ?? new Set<string>()
      origins.set(point.origin, own.add(point.metric_type))
    }
    for (const [origin, metricTypes] of [...origins].sort(([a], [b]) => a < b ? -1 : 1)) {
      const section = this.section(origin)
      const shown = [...metricTypes].sort().slice(0, maxOwnCards)
      for (const metricType of shown) {
        this.card(
          `${origin} ${metricType}`,
          { title: metricType, subtitle: origin, origin, metricTypes: [[metricType, ""]], tags: {} },
          section.cards
        )
      }
      section.more.hidden = metricTypes.size === shown.length
      setText(
        section.more,
        `${metricTypes.size - shown.length} more metric types: narrow them down with the filter, or see Explore.`
      )
    }
  }

  /** Cards come as their series arrive; their order is that of the plan. */
  private sort(): void {
    const wanted = hostCards.flatMap(({ title }) => {
      const card = this.cards.get(`host ${title}`)
      return card === undefined ? [] : [card.root]
    })
    const shown = [...this.hostArea.children]
    if (wanted.some((root, i) => shown[i] !== root)) this.hostArea.append(...wanted)
  }

  private section(origin: string) {
    const known = this.sections.get(origin)
    if (known !== undefined) return known
    const cards = element("div", { class: "cards" })
    const more = element("p", { class: "more" })
    const root = element("section", { "aria-label": origin }, element("h2", {}, origin), cards, more)
    if (origin === "game") {
      root.querySelector("h2")?.append(" ", element("a", { href: "#/chess" }, "watch the games"))
    }
    const made = { root, cards, more }
    this.sections.set(origin, made)
    this.otherArea.append(root)
    return made
  }

  private card(key: string, options: CardOptions, area: HTMLElement): void {
    if (this.cards.has(key)) return
    const card = new LiveCard(options)
    this.cards.set(key, card)
    area.append(card.root)
    this.load(card)
  }

  private fillHosts(now: number): void {
    const hosts = new Map<string, { seen: number; readonly values: Map<string, number> }>()
    for (const point of this.context.feed.newest.values()) {
      const host = hostOf(point)
      if (host === undefined) continue
      const own = hosts.get(host) ?? { seen: 0, values: new Map<string, number>() }
      hosts.set(host, own)
      own.seen = Math.max(own.seen, point.timestamp)
      const before = own.values.get(point.metric_type)
      // Of several disks the fullest, of several interfaces their sum.
      const value = before === undefined
        ? point.value
        : point.metric_type.endsWith("_percent")
        ? Math.max(before, point.value)
        : before + point.value
      own.values.set(point.metric_type, value)
    }
    const silent = [...hosts.values()].some(({ seen }) => now - seen > silentAfter)
    this.hosts.hidden = hosts.size < 2 && !silent
    for (const [host, { seen, values }] of [...hosts].sort(([a], [b]) => a < b ? -1 : 1)) {
      const row = this.row(host)
      row.dataset["state"] = now - seen > silentAfter ? "silent" : "live"
      if (host === this.host) row.setAttribute("aria-current", "true")
      else row.removeAttribute("aria-current")
      const texts = [
        ...hostColumns.map(([, metricType]) => {
          const value = values.get(metricType)
          return value === undefined ? "" : formatValue(metricType, value)
        }),
        now - seen > silentAfter ? `silent, ${formatAge(now - seen)}` : "now"
      ]
      texts.forEach((text, i) => {
        const cell = row.cells[i + 1]
        if (cell !== undefined) setText(cell, text)
      })
    }
    for (const [host, row] of this.rows) {
      if (hosts.has(host)) continue
      row.remove()
      this.rows.delete(host)
    }
  }

  private row(host: string): HTMLTableRowElement {
    const known = this.rows.get(host)
    if (known !== undefined) return known
    const choose = element("button", { type: "button", class: "link" }, host || "(no host)")
    choose.addEventListener("click", () => {
      this.host = host
      this.restart()
    })
    const row = element(
      "tr",
      {},
      element("th", { scope: "row" }, choose),
      ...hostColumns.map(() => element("td", { class: "number" })),
      element("td")
    )
    this.rows.set(host, row)
    this.hostBody.append(row)
    return row
  }
}

/** Hosts and whatever else arrives, live. */
export const overview: Page = {
  path: "overview",
  title: "Overview",
  show: (context) => new Overview(context)
}
