import { Effect, type Scope } from "effect"
import { nextTurn } from "../../domain/nextTurn.js"
import type { Points } from "../../domain/Series.js"
import type { SeriesFilter, StoreMatcher } from "../../store/MetricStore.js"
import { liveJson } from "./AnswerJson.js"

/** Most points in one event. */
const eventSize = 1_000

/** What an event that is kept weighs beside its bytes. */
const overhead = 128

/** A commit as readers of the live stream are told of it. */
export interface Commit {
  readonly sequence: number
  readonly points: Points
}

/** An event in UTF-8, empty where none of its points is meant, and the point of the commit at which the next begins. */
export interface LiveEvent {
  readonly bytes: Uint8Array
  readonly to: number
}

/** The readers of one filter. */
export interface LiveAudience {
  /** The event of the next 1,000 points of a commit from `from` on. Where there are several readers it is written once. */
  readonly event: (commit: Commit, from: number) => Effect.Effect<LiveEvent>
}

interface Circle {
  readonly audience: LiveAudience
  readers: number
}

const encoder = new TextEncoder()

const noBytes = new Uint8Array()

/**
 * Readers of the live stream by what they asked for. Those who asked for the
 * same share the written events, of which at most `maxBytes` are kept, the
 * oldest forgotten first; one that is forgotten is written again.
 */
export class LiveAudiences {
  readonly #circles = new Map<string, Circle>()
  #ids = 0
  // Two generations, each with half of the bytes: the older one is dropped when the younger is full.
  #young = new Map<string, Uint8Array>()
  #old = new Map<string, Uint8Array>()
  #youngBytes = 0

  constructor(readonly maxBytes: number) {}

  /** Joins the readers of `filter` until the scope is closed; the first brings the matcher that all use. */
  join(filter: SeriesFilter, matcher: StoreMatcher): Effect.Effect<LiveAudience, never, Scope.Scope> {
    const key = JSON.stringify(filter)
    const enter = Effect.sync(() => {
      const circle = this.#circles.get(key) ?? this.#open(key, matcher)
      circle.readers++
      return circle
    })
    const leave = (circle: Circle): Effect.Effect<void> =>
      Effect.sync(() => {
        if (--circle.readers > 0) return
        this.#circles.delete(key)
        if (this.#circles.size > 0) return
        this.#young.clear()
        this.#old.clear()
        this.#youngBytes = 0
      })
    return Effect.map(Effect.acquireRelease(enter, leave), ({ audience }) => audience)
  }

  #open(key: string, { matches, prepare }: StoreMatcher): Circle {
    const id = this.#ids++
    const writing = Effect.unsafeMakeSemaphore(1)

    const write = ({ points }: Commit, from: number, to: number): Effect.Effect<Uint8Array> =>
      // A value on which a pattern takes too long does not match; a store that is closed ends the events itself.
      prepare(points.series.slice(from, to)).pipe(
        Effect.retry({ times: 1, while: ({ _tag }) => _tag === "StoreError" }),
        Effect.ignore,
        // A reader with a backlog must not hold the loop while it catches up.
        Effect.zipRight(nextTurn),
        Effect.map(() => {
          const data = liveJson(points, matches, from, to)
          return data === undefined ? noBytes : encoder.encode(`event: metrics\ndata: ${data}\n\n`)
        })
      )

    const circle: Circle = {
      readers: 0,
      audience: {
        event: (commit, from) => {
          const name = `${id} ${commit.sequence} ${from}`
          const to = Math.min(commit.points.time.length, from + eventSize)
          const once = Effect.suspend(() => {
            const kept = this.#kept(name)
            if (kept !== undefined) return Effect.succeed(kept)
            const written = write(commit, from, to)
            return circle.readers === 1
              ? written
              : Effect.tap(written, (bytes) => Effect.sync(() => this.#keep(name, bytes)))
          })
          const bytes = this.#kept(name)
          return bytes === undefined
            ? Effect.map(writing.withPermits(1)(once), (bytes) => ({ bytes, to }))
            : Effect.succeed({ bytes, to })
        }
      }
    }
    this.#circles.set(key, circle)
    return circle
  }

  #kept(name: string): Uint8Array | undefined {
    return this.#young.get(name) ?? this.#old.get(name)
  }

  #keep(name: string, bytes: Uint8Array): void {
    const size = bytes.length + overhead
    const most = this.maxBytes / 2
    if (size > most) return
    if (this.#youngBytes + size > most) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngBytes = 0
    }
    this.#young.set(name, bytes)
    this.#youngBytes += size
  }
}
