import type { Color } from "../domain/Fen.js"
import { Board } from "./Board.js"
import { element, setText } from "./element.js"
import { LiveCard } from "./LiveCard.js"
import type { Page, PageContext, ShownPage } from "./Page.js"
import type { Point } from "./Points.js"

const chartWindow = 900_000

// A clock that would have run for so long without a move belongs to a game that is over or a feed that is silent.
const silentAfter = 600_000

type Fields = { readonly [key: string]: unknown }

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const fieldsIn = (fields: Fields | null | undefined, name: string): Fields => {
  const value = fields?.[name]
  return isFields(value) ? value : {}
}

const textIn = (fields: Fields, name: string): string | undefined => {
  const value = fields[name]
  return typeof value === "string" ? value : undefined
}

/** What is newest of one channel. */
interface ChannelState {
  game: Point | undefined
  end: Point | undefined
  readonly clocks: Map<string, Point>
  readonly material: Map<string, Point>
}

const channelsOf = (newest: Iterable<Point>): ReadonlyMap<string, ChannelState> => {
  const channels = new Map<string, ChannelState>()
  for (const point of newest) {
    const channel = point.tags["channel"]
    if (point.origin !== "game" || channel === undefined) continue
    const own: ChannelState = channels.get(channel) ??
      { game: undefined, end: undefined, clocks: new Map(), material: new Map() }
    channels.set(channel, own)
    const color = point.tags["color"] ?? ""
    switch (point.metric_type) {
      case "move":
      case "game_start":
        if (own.game === undefined || own.game.timestamp <= point.timestamp) own.game = point
        break
      case "game_end":
        if (own.end === undefined || own.end.timestamp <= point.timestamp) own.end = point
        break
      case "clock_seconds":
        own.clocks.set(color, point)
        break
      case "material":
        own.material.set(color, point)
        break
    }
  }
  return channels
}

const clockText = (seconds: number): string => {
  const whole = Math.max(0, Math.round(seconds))
  const rest = String(whole % 60).padStart(2, "0")
  const minutes = Math.floor(whole / 60)
  return minutes < 60
    ? `${minutes}:${rest}`
    : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`
}

const gameOf = (point: Point | undefined): string | undefined => textIn(fieldsIn(point?.fields, "game"), "id")

const resultOf = (end: Point): string => {
  const result = end.value === 1 ? "1–0" : end.value === 0 ? "0–1" : "½–½"
  const status = textIn(fieldsIn(end.fields, "game"), "status")
  return status === undefined ? result : `${result}, ${status}`
}

/** One side of a game: name, clock, how much more it has on the board. */
class Side {
  private readonly name = element("span", { class: "player" })
  private readonly lead = element("span", { class: "lead" })
  private readonly clock = element("b", { class: "clock" })
  readonly root = element("div", { class: "side" }, this.name, this.lead, this.clock)

  draw(player: Fields, lead: number, clock: number | undefined, running: boolean): void {
    const title = textIn(player, "title")
    const ai = player["ai"]
    const name = textIn(player, "name") ?? (typeof ai === "number" ? `Stockfish level ${ai}` : "Anonymous")
    const rating = player["rating"]
    this.name.replaceChildren(
      ...(title === undefined ? [] : [element("em", {}, title), " "]),
      name,
      ...(typeof rating === "number" ? [element("small", {}, ` ${rating}`)] : [])
    )
    setText(this.lead, lead > 0 ? `+${lead}` : "")
    setText(this.clock, clock === undefined ? "–:––" : clockText(clock))
    this.clock.dataset["running"] = String(running)
    this.clock.dataset["low"] = String(clock !== undefined && clock < 15)
  }
}

/** A channel: the board of its game, the players, and charts of clocks and material. */
class ChannelPanel {
  readonly root: HTMLElement
  private readonly board = new Board()
  private readonly top = new Side()
  private readonly bottom = new Side()
  private readonly note = element("p", { class: "more", role: "status" })
  private readonly cards: ReadonlyArray<LiveCard>

  constructor(readonly channel: string) {
    const tags = { channel }
    this.cards = [
      new LiveCard({
        title: "Clocks",
        origin: "game",
        metricTypes: [["clock_seconds", ""]],
        tags,
        stepped: true,
        headline: () => ""
      }),
      new LiveCard({
        title: "Material",
        subtitle: "pawns that White has more",
        origin: "game",
        metricTypes: [["material_balance", ""]],
        stepped: true,
        zero: true,
        tags
      })
    ]
    this.root = element(
      "section",
      { class: "panel channel", "aria-label": `Channel ${channel}` },
      element("h2", {}, channel),
      element(
        "div",
        { class: "game" },
        element("div", { class: "table" }, this.top.root, this.board.root, this.bottom.root, this.note),
        element("div", { class: "charts" }, ...this.cards.map(({ root }) => root))
      )
    )
  }

  load({ failed, feed }: PageContext): void {
    for (const card of this.cards) card.load(feed, chartWindow, 1_000, failed)
  }

  arrived(points: ReadonlyArray<Point>): void {
    for (const point of points) for (const card of this.cards) if (card.takes(point)) card.add(point)
  }

  draw({ clocks, end, game, material }: ChannelState, now: number): void {
    for (const card of this.cards) {
      card.draw(now, chartWindow)
      card.tell()
    }
    const about = fieldsIn(game?.fields, "game")
    const position = fieldsIn(game?.fields, "position")
    const players = fieldsIn(about, "players")
    const orientation: Color = textIn(about, "orientation") === "black" ? "black" : "white"
    const ply = typeof about["ply"] === "number" ? about["ply"] : undefined
    const fen = textIn(position, "fen")
    const read = fen === undefined ? undefined : this.board.draw(fen, textIn(position, "lastMove"), orientation)
    this.board.root.toggleAttribute("data-empty", read === undefined)
    const ended = end !== undefined && game !== undefined && gameOf(end) === gameOf(game)
    const age = now - (game?.timestamp ?? now)
    const running = !ended && age < silentAfter ? read?.turn : undefined
    const balance = (material.get("white")?.value ?? 0) - (material.get("black")?.value ?? 0)
    for (const color of ["white", "black"] as const) {
      const point = clocks.get(color)
      const ran = running === color && game !== undefined ? Math.max(0, now - game.timestamp) / 1000 : 0
      const side = color === orientation ? this.bottom : this.top
      side.draw(
        fieldsIn(players, color),
        color === "white" ? balance : -balance,
        point === undefined ? undefined : point.value - ran,
        running === color
      )
    }
    setText(
      this.note,
      ended
        ? resultOf(end)
        : age >= silentAfter
        ? "No move for more than 10 minutes: the feed may be silent."
        : read === undefined
        ? "The position is hidden."
        : `${ply === undefined ? "" : `Move ${Math.floor(ply / 2) + 1}, `}${read.turn ?? "nobody"} to move`
    )
  }

  leave(): void {
    for (const card of this.cards) card.destroy()
    this.root.remove()
  }
}

class Chess implements ShownPage {
  readonly root = element("div", { class: "page" })
  private readonly panels = new Map<string, ChannelPanel>()
  private readonly empty = element(
    "section",
    { class: "panel" },
    element("h2", {}, "No game has been followed yet"),
    element("p", {}, "Follow the game that Lichess TV shows:"),
    element("pre", { tabindex: "0" }, "metrics-collector up --system --lichess blitz")
  )

  constructor(private readonly context: PageContext) {
    this.root.append(this.empty)
    this.tick(context.feed.now())
  }

  arrived(points: ReadonlyArray<Point>): void {
    for (const panel of this.panels.values()) panel.arrived(points)
  }

  opened(): void {
    for (const panel of this.panels.values()) panel.load(this.context)
  }

  tick(now: number): void {
    const channels = channelsOf(this.context.feed.newest.values())
    this.empty.hidden = channels.size > 0
    for (const [channel, state] of [...channels].sort(([a], [b]) => a < b ? -1 : 1)) {
      let panel = this.panels.get(channel)
      if (panel === undefined) {
        panel = new ChannelPanel(channel)
        this.panels.set(channel, panel)
        this.root.append(panel.root)
        panel.load(this.context)
      }
      panel.draw(state, now)
    }
  }

  leave(): void {
    for (const panel of this.panels.values()) panel.leave()
  }
}

/** The games that are followed on Lichess. */
export const chess: Page = {
  path: "chess",
  title: "Chess",
  show: (context) => new Chess(context)
}
