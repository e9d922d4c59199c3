import { HttpClient, HttpClientResponse } from "@effect/platform"
import { Clock, Effect, Layer, Stream } from "effect"

/** A request, and when it was made. */
export interface Asked {
  readonly path: string
  /** Seconds of the test's clock. */
  readonly at: number
}

/** How the script answers. */
export interface Reply {
  readonly status?: number
  readonly headers?: { readonly [name: string]: string }
  readonly body?: string
  /** An NDJSON answer whose parts come at their times, in seconds after the request; it ends with the last. */
  readonly feed?: ReadonlyArray<readonly [afterSeconds: number, text: string]>
  /** Seconds until the answer begins. */
  readonly delay?: number
}

/** A Lichess in memory that lives by the test's clock, so that every wait can be looked at to the second. */
export class ScriptedLichess {
  readonly asked: Array<Asked> = []
  /** Most requests that waited for their answer at once. */
  mostAtOnce = 0
  private waiting = 0

  /** Answers the n-th request (from 0) to a path without its query. */
  constructor(private readonly answer: (path: string, nth: number) => Reply) {}

  /** When the requests whose path starts so were made. */
  times(path: string): ReadonlyArray<number> {
    return this.asked.filter((request) => request.path.startsWith(path)).map(({ at }) => at)
  }

  /** Seconds between these requests. */
  gaps(path: string): ReadonlyArray<number> {
    const times = this.times(path)
    return times.slice(1).map((at, i) => at - times[i])
  }

  get layer(): Layer.Layer<HttpClient.HttpClient> {
    return Layer.succeed(
      HttpClient.HttpClient,
      HttpClient.make((request, url) =>
        Effect.gen(this, function*() {
          const path = url.pathname + url.search
          const nth = this.asked.filter((earlier) => earlier.path.split("?")[0] === url.pathname).length
          this.asked.push({ path, at: (yield* Clock.currentTimeMillis) / 1000 })
          const { body = "", delay = 0, feed, headers = {}, status = 200 } = this.answer(url.pathname, nth)
          this.mostAtOnce = Math.max(this.mostAtOnce, ++this.waiting)
          yield* Effect.sleep(`${delay} seconds`)
          this.waiting--
          const content = feed === undefined
            ? body
            : yield* Stream.toReadableStreamEffect(Stream.encodeText(timed(feed)))
          return HttpClientResponse.fromWeb(request, new Response(content, { status, headers }))
        })
      )
    )
  }
}

const timed = (feed: ReadonlyArray<readonly [number, string]>): Stream.Stream<string> =>
  Stream.fromIterable(feed.map(([at, text], i) => ({ text, wait: at - (i === 0 ? 0 : feed[i - 1][0]) }))).pipe(
    Stream.rechunk(1),
    Stream.mapEffect(({ text, wait }) => Effect.delay(Effect.succeed(text), `${wait} seconds`))
  )
