import { formatAge, formatCount, formatUnit } from "../domain/Units.js"
import { element, setText } from "./element.js"
import type { Page, PageContext, ShownPage } from "./Page.js"
import { type Health, Rates, type Sender, sendersOf } from "./Senders.js"
import { type Loss, losses, type ServerStatus, status } from "./Server.js"
import { formatInstant, TimeChart } from "./TimeChart.js"

const pollMillis = 2_000

const lossPollMillis = 10_000

/** Most rows of the tables of streams and of losses. */
const maxRows = 100

const chartSpan = 300_000

// What a database needs that holds nothing is most of the file of a small store: bytes a point would mislead.
const fewPoints = 100_000

const perSecond = (rate: number | undefined): string => rate === undefined ? "–" : formatUnit("per second", rate)

const millis = (value: number): string => value === 0 ? "–" : formatUnit("seconds", value / 1000)

/** One station that metrics pass on their way. */
const station = (name: string, value: string, detail: string, health: Health | "unknown" = "good"): HTMLElement =>
  element(
    "li",
    { class: "station", "data-health": health },
    element("span", {}, name),
    element("b", {}, value),
    element("small", {}, detail)
  )

const figure = (
  name: string
): { readonly root: HTMLElement; readonly value: HTMLElement; readonly detail: HTMLElement } => {
  const value = element("b")
  const detail = element("small")
  return { root: element("div", { class: "figure" }, element("span", {}, name), value, detail), value, detail }
}

const tableOf = (className: string, titles: ReadonlyArray<string>, body: HTMLElement): HTMLElement =>
  element(
    "div",
    { class: "scroll", tabindex: "0" },
    element(
      "table",
      { class: className },
      element("thead", {}, element("tr", {}, ...titles.map((title) => element("th", { scope: "col" }, title)))),
      body
    )
  )

const rowOf = (cells: ReadonlyArray<string | Node>): HTMLTableRowElement =>
  element("tr", {}, ...cells.map((cell) => element("td", { class: "number" }, cell)))

const dot = (health: Health | undefined, text: string): HTMLElement =>
  element("span", { class: "dot", "data-state": health }, text)

const healthWords: { readonly [transport: string]: string | undefined } = {
  stopped: "delivery is stopped and needs a person: its log says why",
  waiting: "the server was out of reach; it tries again by itself",
  connecting: "it is connecting",
  http: "the socket is out of reach; it delivers by HTTP and goes on trying"
}

/** The parts of a collector's panel that change. */
interface SenderPanel {
  readonly root: HTMLElement
  readonly state: HTMLElement
  readonly words: HTMLElement
  readonly stations: HTMLElement
  readonly generators: HTMLElement
  readonly summary: HTMLElement
  readonly lost: HTMLElement
}

class Pipeline implements ShownPage {
  readonly root = element("div", { class: "page" })
  private readonly senderArea = element("div", { class: "senders" })
  private readonly noSenders = element(
    "p",
    { class: "hint" },
    "No collector has told about itself. One started with ",
    element("code", {}, "metrics-collector run"),
    " or ",
    element("code", {}, "up"),
    " appears here."
  )
  private readonly figures = {
    ingest: figure("Stored"),
    commit: figure("Commit"),
    series: figure("Series"),
    points: figure("Points"),
    disk: figure("On disk"),
    memory: figure("Server"),
    connections: figure("Connections"),
    refused: figure("Turned away")
  }
  private readonly ingestChart = new TimeChart({ title: "Points stored", zero: true })
  private readonly commitChart = new TimeChart({ title: "Time to commit" })
  private readonly streamBody = element("tbody")
  private readonly noStreams = element("p", { class: "hint" }, "No sender has delivered a batch yet.")
  private readonly streamTable: HTMLElement
  private readonly streamMore = element("p", { class: "more" })
  private readonly lossBody = element("tbody")
  private readonly noLosses = element("p", { class: "hint" }, "Nothing was lost.")
  private readonly lossTable: HTMLElement
  private readonly rates = new Rates()
  private readonly senders = new Map<string, SenderPanel>()
  private polledAt = 0
  private lossesPolledAt = 0

  constructor(private readonly context: PageContext) {
    this.ingestChart.setLines([{ key: "points", label: "", metricType: "points_per_second" }])
    this.commitChart.setLines([
      { key: "p50", label: "half within", metricType: "commit_seconds" },
      { key: "p99", label: "99 % within", metricType: "commit_seconds" }
    ])
    this.streamTable = tableOf(
      "streams",
      ["Sender", "Way", "Metrics settled", "Rate", "Rejected", "Last seen"],
      this.streamBody
    )
    this.streamTable.hidden = true
    this.lossTable = tableOf("losses", ["When", "Sender", "Generator", "Metrics", "Reason"], this.lossBody)
    this.root.append(
      element(
        "section",
        { "aria-label": "Collectors" },
        element("h2", {}, "Collectors"),
        this.noSenders,
        this.senderArea
      ),
      element(
        "section",
        { class: "panel", "aria-label": "Server" },
        element("h2", {}, "Server"),
        element("div", { class: "figures" }, ...Object.values(this.figures).map(({ root }) => root)),
        element(
          "div",
          { class: "pair" },
          element("div", {}, element("h3", { class: "title" }, "Points stored"), this.ingestChart.root),
          element("div", {}, element("h3", { class: "title" }, "Time to commit"), this.commitChart.root)
        )
      ),
      element(
        "section",
        { class: "panel", "aria-label": "Streams" },
        element("h2", {}, "Streams"),
        this.noStreams,
        this.streamTable,
        this.streamMore
      ),
      element(
        "section",
        { class: "panel", "aria-label": "Losses" },
        element("h2", {}, "Losses"),
        this.noLosses,
        this.lossTable
      )
    )
    this.tick(context.feed.now())
  }

  opened(): void {
    this.polledAt = 0
    this.lossesPolledAt = 0
  }

  tick(now: number): void {
    this.fillSenders(now)
    const from = Math.max(now - chartSpan, Math.min(this.ingestChart.first ?? now, now - 60_000))
    this.ingestChart.draw(from, now)
    this.commitChart.draw(from, now)
    if (now - this.polledAt >= pollMillis - 100) {
      this.polledAt = now
      status().then((answer) => this.fillServer(answer), this.context.failed)
    }
    if (now - this.lossesPolledAt >= lossPollMillis) {
      this.lossesPolledAt = now
      losses(maxRows).then((answer) => this.fillLosses(answer), this.context.failed)
    }
  }

  leave(): void {
    this.ingestChart.destroy()
    this.commitChart.destroy()
  }

  private fillSenders(now: number): void {
    const senders = sendersOf(this.context.feed.newest.values(), now)
    this.noSenders.hidden = senders.length > 0
    for (const [host, panel] of this.senders) {
      if (senders.some((sender) => sender.host === host)) continue
      panel.root.remove()
      this.senders.delete(host)
    }
    for (const sender of senders) this.fillSender(this.senderPanel(sender.host), sender, now)
  }

  private senderPanel(host: string): SenderPanel {
    const known = this.senders.get(host)
    if (known !== undefined) return known
    const state = element("span", { class: "dot" })
    const words = element("p", { class: "words" })
    const stations = element("ol", { class: "stations" })
    const generators = element("tbody")
    const summary = element("summary")
    const lost = element("p", { class: "lost" })
    const root = element(
      "section",
      { class: "panel sender", "aria-label": `Collector on ${host}` },
      element("h3", { class: "title" }, element("span", {}, host || "(no host)"), state),
      words,
      stations,
      element(
        "details",
        {},
        summary,
        tableOf("generators", ["Generator", "Rate", "Tick", "Missed ticks", "Failures"], generators)
      ),
      lost
    )
    const panel = { root, state, words, stations, generators, summary, lost }
    this.senders.set(host, panel)
    this.senderArea.append(root)
    return panel
  }

  private fillSender(panel: SenderPanel, sender: Sender, now: number): void {
    const { generators, health, host, losses: lost, seen, silent, transport, values } = sender
    const value = (name: string): number => values.get(name) ?? 0
    const rateOf = (key: string, counter: number) => this.rates.of(`${host} ${key}`, counter, seen)
    const pending = value("outbox_pending_count")
    const unverified = value("unverified_total")
    const dropped = [...generators.values()].reduce((sum, own) => sum + (own.get("dropped_total") ?? 0), 0)
    const rates = [...generators].map(([name, own]) => ({
      name,
      rate: rateOf(`generator ${name}`, own.get("gathered_total") ?? 0),
      running: own.get("generator_running") === 1,
      failures: own.get("generator_failures_total") ?? 0,
      missed: own.get("missed_ticks_total") ?? 0,
      tick: own.get("tick_seconds")
    }))
    const known = rates.flatMap(({ rate }) => rate === undefined ? [] : [rate])
    const gathered = known.length === 0 ? undefined : known.reduce((sum, rate) => sum + rate, 0)
    const acknowledged = rateOf("acknowledged", value("acknowledged_total"))
    const state = silent ? `silent, last heard ${formatAge(now - seen)}` : transport
    const words = silent
      ? "its process has ended or cannot reach this server; what it has collected waits in its outbox"
      : healthWords[transport]
    panel.root.dataset["health"] = health
    panel.state.dataset["state"] = health
    setText(panel.state, state)
    panel.words.hidden = words === undefined
    setText(panel.words, words ?? "")
    setText(panel.summary, rates.length === 1 ? "1 generator" : `${rates.length} generators`)
    panel.lost.hidden = lost.length === 0
    setText(
      panel.lost,
      `Lost before they could be sent: ${
        lost.map(({ count, reason, source }) => `${formatCount(count)} of ${source} (${reason})`).join(", ")
      }`
    )
    // What was well when it was last heard of need not be so now.
    const healthOf = (odd: boolean): Health | "unknown" => silent ? "unknown" : odd ? "warn" : "good"
    panel.stations.replaceChildren(
      station(
        "Generators",
        perSecond(gathered),
        rates.map(({ name }) => name).join(", "),
        healthOf(rates.some(({ running }) => !running))
      ),
      station(
        "Queue",
        formatCount(value("queue_size_count")),
        `of ${formatCount(value("queue_capacity_count"))}, ${formatCount(dropped)} dropped`,
        healthOf(dropped > 0)
      ),
      station(
        "Outbox",
        formatCount(pending),
        `waiting, ${formatUnit("bytes", value("outbox_bytes"))}`,
        healthOf(pending > 0 && transport !== "socket")
      ),
      station(
        "Transport",
        silent ? "silent" : transport,
        `${formatCount(value("reconnects_total"))} reconnects`,
        health
      ),
      station(
        "Acknowledged",
        perSecond(acknowledged),
        `${formatCount(value("acknowledged_total"))} in all, ${formatCount(value("rejected_total"))} rejected` +
          (unverified > 0 ? `, ${formatCount(unverified)} unverified` : ""),
        healthOf(value("rejected_total") + unverified > 0)
      )
    )
    panel.generators.replaceChildren(...rates.map(({ failures, missed, name, rate, running, tick }) =>
      rowOf([
        dot(silent ? undefined : running ? "good" : "warn", name),
        perSecond(rate),
        tick === undefined ? "–" : formatUnit("seconds", tick),
        formatCount(missed),
        formatCount(failures)
      ])
    ))
  }

  private fillServer(answer: ServerStatus): void {
    const { commits, connections, received, store, streamCount, streams, time } = answer
    const { figures, rates } = this
    const stored = rates.of("server points", received.points, time)
    const bytes = rates.of("server bytes", received.bytes, time)
    const cpu = rates.of("server cpu", answer.process.cpuSeconds, time)
    const tell = ({ detail, value }: typeof figures.ingest, text: string, more: string) => {
      setText(value, text)
      setText(detail, more)
    }
    tell(
      figures.ingest,
      perSecond(stored),
      `${bytes === undefined ? "–" : formatUnit("bytes per second", bytes)} received`
    )
    tell(figures.commit, millis(commits.p50Millis), `99 % within ${millis(commits.p99Millis)}`)
    tell(
      figures.series,
      formatCount(store.series),
      `${formatCount(streamCount)} ${streamCount === 1 ? "stream" : "streams"}`
    )
    tell(figures.points, formatCount(store.points), `${formatCount(received.rejected)} rejected`)
    tell(
      figures.disk,
      store.bytes === 0 ? "–" : formatUnit("bytes", store.bytes),
      store.bytes === 0
        ? "in memory"
        : store.points < fewPoints
        ? "few points yet"
        : `${(store.bytes / store.points).toFixed(1)} B a point`
    )
    tell(
      figures.memory,
      formatUnit("bytes", answer.process.residentBytes),
      `CPU ${cpu === undefined ? "–" : formatUnit("percent", cpu * 100)}, up ${
        formatUnit("seconds", Math.round(answer.uptimeSeconds))
      }`
    )
    tell(
      figures.connections,
      formatCount(connections.batch + connections.plain),
      `${connections.batch} in batch mode, ${connections.plain} plain, ${connections.live} watching`
    )
    tell(
      figures.refused,
      formatCount(received.refused + received.busy),
      `${received.refused} refused, ${received.busy} busy`
    )
    if (stored !== undefined) this.ingestChart.add("points", time, stored)
    if (commits.count > 0) {
      this.commitChart.add("p50", time, commits.p50Millis / 1000)
      this.commitChart.add("p99", time, commits.p99Millis / 1000)
    }
    this.noStreams.hidden = streams.length > 0
    this.streamTable.hidden = streams.length === 0
    this.streamBody.replaceChildren(
      ...streams.slice(0, maxRows).map((stream) => {
        const { lastSeen, next, rejected, sender, transport } = stream
        return rowOf([
          element("span", { class: "name", title: `${sender}, stream ${stream.stream}` }, sender),
          transport === undefined
            ? dot(undefined, "not connected")
            : dot(transport === "socket" ? "good" : "warn", transport),
          formatCount(next),
          perSecond(rates.of(`stream ${stream.stream}`, next, time)),
          formatCount(rejected),
          formatAge(time - lastSeen)
        ])
      })
    )
    setText(this.streamMore, streamCount > maxRows ? `and ${streamCount - maxRows} older streams` : "")
  }

  private fillLosses(answer: ReadonlyArray<Loss>): void {
    this.noLosses.hidden = answer.length > 0
    this.lossTable.hidden = answer.length === 0
    this.lossBody.replaceChildren(
      ...answer.map(({ at, count, generator, reason, sender, timeFrom = at, timeTo = at }) =>
        rowOf([
          timeFrom === timeTo ? formatInstant(timeFrom) : `${formatInstant(timeFrom)} – ${formatInstant(timeTo)}`,
          sender,
          generator ?? "",
          count === null ? "unknown" : formatCount(count),
          reason
        ])
      )
    )
  }
}

/** The way of the metrics, from generator to disk. */
export const pipeline: Page = {
  path: "pipeline",
  title: "Pipeline",
  show: (context) => new Pipeline(context)
}
