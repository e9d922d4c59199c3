import { Effect } from "effect"
import type { IncomingHttpHeaders, IncomingMessage } from "node:http"
import type { Auth, Refusal } from "../Auth.js"
import { GuessLimit } from "./GuessLimit.js"
import type { Incidents } from "./Incidents.js"

const isHost = (name: string): boolean => name.length === 4 && name.toLowerCase() === "host"

// A proxy in front may have read the other one.
const namesTwoHosts = ({ rawHeaders }: IncomingMessage): boolean => {
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) if (isHost(rawHeaders[i])) hosts++
  return hosts > 1
}

// A request line with a whole URL names the host itself, and what it says counts.
const addressedTo = ({ headers, url = "/" }: IncomingMessage): IncomingHttpHeaders => {
  const host = url.startsWith("/") ? undefined : /^[a-z][a-z\d+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1]
  return host === undefined ? headers : { ...headers, host }
}

/** Lets requests in or turns them away, slows down those who guess tokens, and tells of both. */
export interface Door {
  /** Why a request may not read and write metrics; `undefined`: it may. */
  readonly refuse: (request: IncomingMessage) => Refusal | undefined
  /** Why a request may not even ask for what is open to everybody. */
  readonly refuseForeign: (request: IncomingMessage) => Refusal | undefined
  /** The cookie for a token that the body of a request showed, or why there is none. */
  readonly login: (request: IncomingMessage, token: string) => Refusal | { readonly cookie: string }
}

/** Makes the door of a server. */
export const makeDoor = (auth: Auth, incidents: Incidents): Effect.Effect<Door> =>
  Effect.map(Effect.clock, (clock) => {
    const guesses = new GuessLimit()

    const addressOf = (request: IncomingMessage): string | undefined => request.socket.remoteAddress

    const refuseForeign = (request: IncomingMessage): Refusal | undefined => {
      const refusal: Refusal | undefined = namesTwoHosts(request)
        ? { status: 400, code: "bad-request", message: "host: expected one header" }
        : auth.refuseForeign(addressedTo(request))
      if (refusal !== undefined) incidents.note("foreign", addressOf(request), refusal.code)
      return refusal
    }

    /** Looks at a token, unless the address has shown too many wrong ones. */
    const tried = <A extends object>(request: IncomingMessage, look: () => A | Refusal): A | Refusal => {
      const address = addressOf(request)
      const now = clock.unsafeCurrentTimeMillis()
      const seconds = guesses.secondsLeft(address, now)
      if (seconds > 0) {
        incidents.note("guessing", address)
        return {
          status: 429,
          code: "too-many-guesses",
          message: "too many wrong tokens came from this address; wait before you try again",
          retryAfterSeconds: seconds
        }
      }
      const result = look()
      if ("status" in result && result.status === 401) {
        guesses.wrong(address, now)
        incidents.note("wrong-token", address)
      }
      return result
    }

    return {
      refuseForeign,
      refuse: (request) => {
        const foreign = refuseForeign(request)
        if (foreign !== undefined || !auth.isProtected) return foreign
        if (!auth.shows(request.headers)) return auth.refuse(request.headers)
        const result = tried(request, () => auth.refuse(request.headers) ?? {})
        return "status" in result ? result : undefined
      },
      login: (request, token) =>
        tried(request, () => {
          const cookie = auth.cookieFor(token)
          return cookie === undefined
            ? { status: 401, code: "unauthorized", message: "this token is not known to the server" }
            : { cookie }
        })
    }
  })
