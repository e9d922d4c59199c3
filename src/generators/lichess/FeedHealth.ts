import { GenericMetric } from "../../domain/GenericMetric.js"
import type { Outcome } from "./GameTracker.js"

const minute = 60_000

/** What happened on the feed of a channel, as its connection and its frames tell it. Times are ms since the epoch. */
export class FeedHealth {
  /** Since when the current connection stands. */
  private connectedAt: number | undefined
  private connections = 0
  private lastFrameAt: number | undefined
  /** Of the last answer to a request for the feed. */
  private httpStatus: number | undefined
  private missedPlies = 0
  private duplicates = 0
  private takebacks = 0
  private unknownFrames = 0
  private parseErrors = 0
  private readonly moves: Array<number> = []
  private readonly games: Array<number> = []

  constructor(private readonly channel: string) {}

  /** The server answered a request for the feed, or there was no answer. */
  answered(status: number | undefined): void {
    this.httpStatus = status
  }

  /** The feed is open. */
  connected(now: number): void {
    this.connectedAt = now
    this.connections++
  }

  /** The feed is closed. */
  disconnected(): void {
    this.connectedAt = undefined
  }

  /** A frame of a known type arrived; `missed` plies before it never did. */
  frame(outcome: Outcome, missed: number, now: number): void {
    this.lastFrameAt = now
    this.missedPlies += missed
    switch (outcome) {
      case "takeback":
        this.takebacks++
        this.moves.push(now)
        break
      case "move":
        this.moves.push(now)
        break
      case "game-start":
        this.games.push(now)
        break
      case "duplicate":
        this.duplicates++
        break
      case "unreadable-position":
        this.parseErrors++
        break
      default:
        break
    }
  }

  /** A frame of a type that we do not know arrived. */
  unknownFrame(now: number): void {
    this.lastFrameAt = now
    this.unknownFrames++
  }

  /** A line came that holds no frame. */
  unusableLine(): void {
    this.parseErrors++
  }

  /**
   * The state as metrics of the origin `game` with the tag `channel`. Rates are
   * of the last 60 s; totals are since the start. `missedResults` is how many
   * results of the channel's games could not be had.
   */
  toGenericMetrics(now: number, missedResults: number): ReadonlyArray<GenericMetric> {
    const metadata = { channel: this.channel }
    const metrics: Array<GenericMetric> = []
    const push = (metricType: string, value: number | undefined) => {
      if (value === undefined) return
      // Unchecked: names are constants and counts are finite.
      metrics.push(new GenericMetric({ origin: "game", metricType, value, timestamp: now, metadata }, true))
    }
    push("feed_moves_per_minute", countSince(this.moves, now - minute))
    push("feed_games_per_minute", countSince(this.games, now - minute))
    push("feed_seconds_since_last_frame", this.lastFrameAt === undefined ? undefined : (now - this.lastFrameAt) / 1000)
    push("feed_connection_uptime_seconds", this.connectedAt === undefined ? 0 : (now - this.connectedAt) / 1000)
    push("feed_http_status", this.httpStatus)
    push("feed_reconnects_total", Math.max(0, this.connections - 1))
    push("feed_missed_plies_total", this.missedPlies)
    push("feed_missed_results_total", missedResults)
    push("feed_duplicate_frames_total", this.duplicates)
    push("feed_takebacks_total", this.takebacks)
    push("feed_unknown_frames_total", this.unknownFrames)
    push("feed_parse_errors_total", this.parseErrors)
    return metrics
  }
}

/** Counts the times after `since` and forgets the others; times are in order. */
const countSince = (times: Array<number>, since: number): number => {
  const first = times.findIndex((time) => time > since)
  times.splice(0, first < 0 ? times.length : first)
  return times.length
}
