import { Effect, FiberSet, type Scope } from "effect"

const messages = {
  "wrong-token": "A client showed a token that is not known",
  "guessing": "An address showed too many wrong tokens: for a while its tokens are not looked at (429)",
  "foreign": "A request of a foreign page, or to a foreign name, was refused",
  "too-many-connections": "Connections are refused: as many are open as may be (--max-connections)",
  "slow-request": "A request did not arrive in time and was cut",
  "no-request": "A client sent what is no request",
  "flood": "A client that sends requests without waiting for their answers was cut: too many wait",
  "unread": "A client that does not read its answers was cut",
  "bad-socket": "A WebSocket was cut: its frames break the protocol, or are too large",
  "refused-body": "A body was refused",
  "bad-metrics": "A plain client sent what is no metric",
  "slow-query": "A query took too long and was ended",
  "odd-path": "A path that leads out of the dashboard's folder was asked for",
  "tls": "A TLS handshake failed"
} as const

/** What clients do that a server survives and its operator should hear of. */
export type Incident = keyof typeof messages

/** Tells of incidents in the log, and is never flooded by them. */
export interface Incidents {
  /** Counts an incident; `address` is where it came from, `detail` what is known beside it. */
  readonly note: (what: Incident, address: string | undefined, detail?: string) => void
}

interface Quiet {
  more: number
  readonly addresses: Set<string>
}

const pause = "1 minute"

/** Addresses named in one line. */
const maxNamed = 5

/**
 * Makes the incidents of a server. The first of a kind is logged at once;
 * those of the next minute are counted and told in one line, and so on for as
 * long as they come. What it keeps does not grow with their number.
 */
export const makeIncidents: Effect.Effect<Incidents, never, Scope.Scope> = Effect.gen(function*() {
  const run = yield* FiberSet.makeRuntime()
  const quiet = new Map<Incident, Quiet>()

  const tell = (what: Incident, of: Quiet): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (of.more === 0) {
        quiet.delete(what)
        return Effect.void
      }
      const { addresses, more } = of
      const from = Array.from(addresses).join(", ") + (addresses.size < maxNamed ? "" : " and perhaps others")
      of.more = 0
      addresses.clear()
      return Effect.logWarning(`${messages[what]}; ${more} more within a minute`).pipe(
        Effect.annotateLogs({ incident: what, from }),
        Effect.zipRight(Effect.delay(tell(what, of), pause))
      )
    })

  return {
    note: (what, address, detail) => {
      const from = address ?? "unknown"
      const known = quiet.get(what)
      if (known !== undefined) {
        known.more++
        if (known.addresses.size < maxNamed) known.addresses.add(from)
        return
      }
      const fresh: Quiet = { more: 0, addresses: new Set() }
      quiet.set(what, fresh)
      run(
        Effect.logWarning(messages[what] + (detail === undefined ? "" : `: ${detail}`)).pipe(
          Effect.annotateLogs({ incident: what, from }),
          Effect.zipRight(Effect.delay(tell(what, fresh), pause))
        )
      )
    }
  }
})
