import { Data, Either } from "effect"

/** An endpoint URL that cannot be used, with what to write instead. */
export class EndpointError extends Data.TaggedError("EndpointError")<{ readonly message: string }> {}

/** Where a server listens: for batches over a WebSocket, over HTTP, and for queries. */
export interface Endpoint {
  /** As in `ws://localhost:5000/ws/metrics`. */
  readonly socketUrl: string
  /** As in `http://localhost:5000/api/metrics`. */
  readonly httpUrl: string
  /** As in `http://localhost:5000`, without a slash at its end. */
  readonly serverUrl: string
}

/** Path of the WebSocket on a server of ours. */
export const SOCKET_PATH = "/ws/metrics"

/** Path that takes metrics over HTTP on a server of ours. */
export const HTTP_PATH = "/api/metrics"

const schemes: { readonly [scheme: string]: { readonly socket: string; readonly http: string } | undefined } = {
  "ws:": { socket: "ws:", http: "http:" },
  "wss:": { socket: "wss:", http: "https:" },
  "http:": { socket: "ws:", http: "http:" },
  "https:": { socket: "wss:", http: "https:" }
}

const parse = (name: string, text: string): Either.Either<URL, EndpointError> => {
  const hint = `write it like ws://localhost:5000${SOCKET_PATH} or http://localhost:5000`
  if (!URL.canParse(text)) return Either.left(new EndpointError({ message: `${name}: "${text}" is no URL; ${hint}` }))
  const url = new URL(text)
  if (schemes[url.protocol] === undefined) {
    return Either.left(new EndpointError({ message: `${name}: "${url.protocol}//" is not understood; ${hint}` }))
  }
  if (url.username !== "" || url.password !== "") {
    return Either.left(
      new EndpointError({ message: `${name}: a URL must not carry a password (it would show in logs); use --token` })
    )
  }
  return Either.right(url)
}

const withScheme = (url: URL, protocol: string, path: string): string => `${protocol}//${url.host}${path}${url.search}`

/**
 * Reads an endpoint from what a person writes: `ws`, `wss`, `http` or `https`,
 * with or without the path. A path that ends in `/ws/metrics` becomes
 * `/api/metrics` for HTTP (a prefix before it, as behind a proxy, stays);
 * `httpEndpoint` overrides the HTTP side.
 */
export const parseEndpoint = (
  text: string,
  httpEndpoint?: string
): Either.Either<Endpoint, EndpointError> => readEndpoint(text, httpEndpoint, false)

/**
 * Reads the endpoint of a server of another kind: as {@link parseEndpoint}, but
 * a path that is none of ours is that of both sides.
 */
export const parsePlainEndpoint = (
  text: string,
  httpEndpoint?: string
): Either.Either<Endpoint, EndpointError> => readEndpoint(text, httpEndpoint, true)

const readEndpoint = (
  text: string,
  httpEndpoint: string | undefined,
  isForeign: boolean
): Either.Either<Endpoint, EndpointError> =>
  Either.gen(function*() {
    const url = yield* parse("endpoint", text)
    const scheme = schemes[url.protocol] ?? { socket: "ws:", http: "http:" }
    const path = url.pathname.replace(/\/+$/, "")
    const prefix = path.endsWith(SOCKET_PATH)
      ? path.slice(0, -SOCKET_PATH.length)
      : path.endsWith(HTTP_PATH)
      ? path.slice(0, -HTTP_PATH.length)
      : path === ""
      ? ""
      : undefined
    const http = httpEndpoint === undefined ? undefined : yield* parse("http endpoint", httpEndpoint)
    if (prefix === undefined && http === undefined && !isForeign && !url.protocol.startsWith("ws")) {
      return yield* Either.left(
        new EndpointError({
          message: `endpoint: the path "${url.pathname}" does not end in ${HTTP_PATH} or ${SOCKET_PATH}`
        })
      )
    }
    return {
      socketUrl: withScheme(url, scheme.socket, prefix === undefined ? path : prefix + SOCKET_PATH),
      httpUrl: http === undefined
        ? withScheme(url, scheme.http, prefix === undefined && isForeign ? path : (prefix ?? "") + HTTP_PATH)
        : withScheme(http, schemes[http.protocol]?.http ?? "http:", http.pathname === "/" ? HTTP_PATH : http.pathname),
      serverUrl: `${scheme.http}//${url.host}${prefix ?? ""}`
    }
  })
