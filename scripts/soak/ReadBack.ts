import { Effect, Schema } from "effect"
import type { DeclaredLoss, Life, ReadBack } from "./Account.js"
import { checkOf, METRIC_TYPE, PARTS, timeOf } from "./Numbers.js"
import type { Producer } from "./Plan.js"
import { SoakError } from "./Process.js"

/** The server as the soak asks it, on no way that its faults lie on. */
export interface Server {
  readonly url: string
  readonly token: string
}

const QueryPage = Schema.Struct({
  series: Schema.Array(Schema.Struct({
    origin: Schema.String,
    metric_type: Schema.String,
    tags: Schema.Record({ key: Schema.String, value: Schema.String }),
    points: Schema.Array(
      Schema.Tuple(Schema.Number, Schema.Number, Schema.Record({ key: Schema.String, value: Schema.Unknown }))
    )
  })),
  truncated: Schema.Boolean,
  cursor: Schema.optional(Schema.String)
})

const Losses = Schema.Array(Schema.Struct({
  stream: Schema.String,
  from: Schema.Int,
  to: Schema.Int,
  count: Schema.NullOr(Schema.Int),
  reason: Schema.String,
  generator: Schema.optionalWith(Schema.String, { exact: true }),
  timeFrom: Schema.optionalWith(Schema.Int, { exact: true }),
  timeTo: Schema.optionalWith(Schema.Int, { exact: true })
}))

const Status = Schema.Struct({ store: Schema.Struct({ points: Schema.Int }) })

const ask = <A, I>(
  { token, url }: Server,
  path: string,
  schema: Schema.Schema<A, I>,
  patience: number
): Effect.Effect<A, SoakError> =>
  Effect.tryPromise({
    try: async (): Promise<unknown> => {
      const response = await fetch(url + path, {
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(patience)
      })
      if (!response.ok) throw new Error(`HTTP ${response.status}: ${await response.text()}`)
      return response.json()
    },
    catch: (cause) => new SoakError({ message: `${path}: ${String(cause)}` })
  }).pipe(
    Effect.flatMap((json) =>
      Effect.mapError(
        Schema.decodeUnknown(schema)(json),
        (error) => new SoakError({ message: `${path}: ${error.message}` })
      )
    )
  )

/** What the server says of itself. */
export const serverStatus = (server: Server, patience: number) => ask(server, "/api/status", Status, patience)

/** Losses that senders declared, and points that the server refused. */
export const declaredLosses = (server: Server): Effect.Effect<ReadonlyArray<DeclaredLoss>, SoakError> =>
  ask(server, "/api/losses?limit=100000", Losses, 60_000)

// Not the largest answer that there is: the cursor shall be used.
const pageSize = 50_000

/** Reads every number of a producer back, page after page. */
export const readBack = (
  server: Server,
  producer: Producer,
  lives: ReadonlyArray<Life>
): Effect.Effect<ReadBack, SoakError> =>
  Effect.gen(function*() {
    const seen = new Map(lives.map(({ asked, life }) => [life, new Uint8Array(asked)]))
    const byName = new Map(lives.map((life) => [String(life.life), life]))
    const strange: Array<string> = []
    const take = (tags: { readonly [key: string]: string }, [time, n, fields]: readonly [number, number, object]) => {
      const life = byName.get(tags["life"] ?? "")
      const counts = life === undefined ? undefined : seen.get(life.life)
      const check = n >= 0 ? checkOf(n) : undefined
      const expected = JSON.stringify(check === undefined ? {} : { check })
      if (life === undefined || counts === undefined || !Number.isInteger(n) || n < 0 || n >= counts.length) {
        strange.push(`${n} of life ${tags["life"]} was never produced`)
      } else if (String(n % PARTS) !== tags["part"]) {
        strange.push(`${n} of life ${life.life} is in series ${tags["part"]}`)
      } else if (time !== timeOf(life, n)) {
        strange.push(`${n} of life ${life.life} has the time ${time} and was given ${timeOf(life, n)}`)
      } else if (JSON.stringify(fields) !== expected) {
        strange.push(`${n} of life ${life.life} has the fields ${JSON.stringify(fields)} in place of ${expected}`)
      } else counts[n] = Math.min(255, counts[n] + 1)
    }
    let cursor: string | undefined
    do {
      const parameters = new URLSearchParams({
        metric_type: METRIC_TYPE,
        origin: producer,
        fields: "true",
        limit: String(pageSize),
        ...(cursor === undefined ? {} : { cursor })
      })
      const page = yield* ask(server, `/api/query?${parameters.toString()}`, QueryPage, 60_000)
      for (const { points, tags } of page.series) {
        let last = -Infinity
        for (const point of points) {
          take(tags, point)
          if (point[0] < last) strange.push(`${point[1]} of life ${tags["life"]} stands behind a later point`)
          last = point[0]
        }
      }
      cursor = page.truncated ? page.cursor : undefined
      if (page.truncated && cursor === undefined) {
        return yield* new SoakError({ message: `${producer}: an answer was cut and has no cursor` })
      }
    } while (cursor !== undefined)
    return {
      seen,
      strange: strange.length > 20 ? [...strange.slice(0, 20), `and ${strange.length - 20} more`] : strange
    }
  })
