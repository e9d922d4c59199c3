import { Redacted } from "effect"
import { createHash, createHmac, timingSafeEqual } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http"

/** Name of the cookie that a browser gets from `POST /api/session`. */
export const SESSION_COOKIE = "metrics_session"

/** How long a browser keeps its cookie, in seconds. */
export const SESSION_SECONDS = 30 * 86_400

/** A request that is turned away: HTTP status, code and what to do. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 429
  readonly code: string
  readonly message: string
  readonly retryAfterSeconds?: number
}

interface Key {
  readonly digest: Buffer
  readonly cookieDigest: Buffer
  readonly cookie: string
  readonly owner: string
}

const sha256 = (text: string): Buffer => createHash("sha256").update(text).digest()

// The cookie is derived, so that a stolen cookie does not tell the token, and
// needs no table: it dies with the token.
const cookieOf = (token: string): string =>
  createHmac("sha256", token).update("metrics-collector session").digest("hex")

const makeKey = (token: string): Key => {
  const cookie = cookieOf(token)
  const digest = sha256(token)
  return { digest, cookie, cookieDigest: sha256(cookie), owner: digest.toString("hex").slice(0, 16) }
}

const cookieIn = (header: string | undefined): string | undefined => {
  if (header === undefined) return undefined
  for (const pair of header.split(";")) {
    const at = pair.indexOf("=")
    if (at > 0 && pair.slice(0, at).trim() === SESSION_COOKIE) return pair.slice(at + 1).trim()
  }
  return undefined
}

/** Whether a host is this machine alone: `localhost`, 127.0.0.0/8 or ::1. */
export const isLoopback = (host: string): boolean => {
  const bare = host.replace(/^\[|\]$/g, "").toLowerCase()
  return bare === "localhost" || bare.endsWith(".localhost") || bare === "::1" || bare === "::ffff:127.0.0.1" ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(bare)
}

// A page that loads an address of ours as an image or a script sends no Origin,
// but its browser says that another site asks. Who follows a link may come.
const isSentByForeignPage = (headers: IncomingHttpHeaders): boolean => {
  const site = headers["sec-fetch-site"]
  return (site === "cross-site" || site === "same-site") && headers["sec-fetch-mode"] !== "navigate"
}

const hostName = (authority: string): string =>
  authority.startsWith("[") ? authority.slice(0, authority.indexOf("]") + 1) : authority.replace(/:\d*$/, "")

/** What decides who may talk to a server. */
export interface AuthOptions {
  /** None: everybody who can reach the server may read and write. */
  readonly tokens: ReadonlyArray<Redacted.Redacted>
  /** The address that the server listens on. */
  readonly host: string
  /** Origins of pages on other hosts that may use the server, as in `https://dash.example.com`. */
  readonly allowedOrigins: ReadonlyArray<string>
}

/**
 * Decides who may talk to the server: by bearer token or session cookie, by
 * the page a browser request comes from, and by the name it was sent to.
 * Tokens are compared as digests in constant time.
 */
export class Auth {
  readonly #keys: ReadonlyArray<Key>
  readonly #owners: ReadonlySet<string>
  readonly #origins: ReadonlySet<string>
  readonly #originHosts: ReadonlySet<string>
  readonly #host: string
  readonly #checkHost: boolean

  constructor(options: AuthOptions) {
    this.#keys = options.tokens.map((token) => makeKey(Redacted.value(token)))
    this.#owners = new Set(this.#keys.length === 0 ? [""] : this.#keys.map((key) => key.owner))
    const origins = options.allowedOrigins.map((origin) => origin.toLowerCase().replace(/\/$/, ""))
    this.#origins = new Set(origins)
    this.#originHosts = new Set(
      origins.flatMap((origin) => URL.canParse(origin) ? [new URL(origin).hostname] : [])
    )
    this.#host = options.host.toLowerCase()
    this.#checkHost = isLoopback(options.host)
  }

  /** Whether requests need a token. */
  get isProtected(): boolean {
    return this.#keys.length > 0
  }

  /** Whether an owner is one of the present tokens; streams of others may be taken over. */
  readonly isCurrentOwner = (owner: string): boolean => this.#owners.has(owner)

  #find(presented: string, digestOf: (key: Key) => Buffer): Key | undefined {
    const digest = sha256(presented)
    let found: Key | undefined
    for (const key of this.#keys) {
      if (timingSafeEqual(digest, digestOf(key))) found = key
    }
    return found
  }

  /** The cookie of a token, or `undefined` when the token is wrong. */
  cookieFor(token: string): string | undefined {
    return this.#find(token, (key) => key.digest)?.cookie
  }

  /**
   * Who sends a request: the first 16 hex digits of the SHA-256 of its token,
   * `""` where no token is asked for, `undefined` when it shows no right one.
   */
  ownerOf(headers: IncomingHttpHeaders): string | undefined {
    if (this.#keys.length === 0) return ""
    const bearer = /^bearer +(.+)$/i.exec(headers.authorization ?? "")
    if (bearer !== null) return this.#find(bearer[1].trim(), (key) => key.digest)?.owner
    const cookie = cookieIn(headers.cookie)
    return cookie === undefined ? undefined : this.#find(cookie, (key) => key.cookieDigest)?.owner
  }

  /** Whether a request shows a token or a cookie of ours, right or wrong. */
  shows(headers: IncomingHttpHeaders): boolean {
    return headers.authorization !== undefined || cookieIn(headers.cookie) !== undefined
  }

  /** Whether the page that sends a request is of this server, or allowed by name. Programs send no Origin. */
  isOwnOrigin(headers: IncomingHttpHeaders): boolean {
    const origin = headers.origin?.toLowerCase()
    if (origin === undefined) return !isSentByForeignPage(headers)
    if (this.#origins.has(origin)) return true
    return URL.canParse(origin) && new URL(origin).host !== "" &&
      new URL(origin).host === headers.host?.toLowerCase().replace(/:(?:80|443)$/, "")
  }

  /** The origin that an answer may name in `access-control-allow-origin`. */
  allowedOrigin(headers: IncomingHttpHeaders): string | undefined {
    const origin = headers.origin
    return origin !== undefined && this.#origins.has(origin.toLowerCase()) ? origin : undefined
  }

  // Against DNS rebinding: a page that points its own name at 127.0.0.1 still
  // sends that name as Host.
  #isOwnHost(headers: IncomingHttpHeaders): boolean {
    if (!this.#checkHost) return true
    const name = hostName((headers.host ?? "").toLowerCase())
    return name === "" || isLoopback(name) || name === this.#host || this.#originHosts.has(name)
  }

  /** Turns a request away that comes from a foreign page or was sent to a foreign name. */
  refuseForeign(headers: IncomingHttpHeaders): Refusal | undefined {
    if (!this.#isOwnHost(headers)) {
      return {
        status: 403,
        code: "foreign-host",
        message: "this server listens on loopback and answers to localhost only; " +
          "behind a proxy, name the public address with --allow-origin (allowedOrigins)"
      }
    }
    if (!this.isOwnOrigin(headers)) {
      return {
        status: 403,
        code: "foreign-origin",
        message:
          "the page that sent this belongs to another origin; name that origin with --allow-origin (allowedOrigins) to let it in"
      }
    }
    return undefined
  }

  /** Turns a request away that may not read and write metrics. */
  refuse(headers: IncomingHttpHeaders): Refusal | undefined {
    const foreign = this.refuseForeign(headers)
    if (foreign !== undefined) return foreign
    if (this.ownerOf(headers) !== undefined) return undefined
    return {
      status: 401,
      code: "unauthorized",
      message: this.shows(headers)
        ? "this token is not known to the server"
        : "this server asks for a token: send the header Authorization: Bearer TOKEN"
    }
  }
}
