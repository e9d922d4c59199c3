import { Data } from "effect"

/**
 * The server could not start.
 *
 * - `AddressInUse`: another program listens on the port
 * - `AddressNotAvailable`: this machine does not have the host address
 * - `PermissionDenied`: the port needs rights that the process lacks
 * - `Unprotected`: the host can be reached from other machines and there is no token
 * - `InvalidOption`: an option has an impossible value, named in the message
 * - `Failed`: anything else; `cause` tells
 */
export class ServerError extends Data.TaggedError("ServerError")<{
  readonly reason:
    | "AddressInUse"
    | "AddressNotAvailable"
    | "PermissionDenied"
    | "Unprotected"
    | "InvalidOption"
    | "Failed"
  readonly message: string
  readonly cause?: unknown
}> {}

const codeOf = (cause: unknown): unknown =>
  typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined

/** Says in words why listening failed, from the error that Node gave. */
export const listenError = (host: string, port: number, cause: unknown): ServerError => {
  const place = `${host.includes(":") ? `[${host}]` : host}:${port}`
  switch (codeOf(cause)) {
    case "EADDRINUSE":
      return new ServerError({
        reason: "AddressInUse",
        message: `port ${port} is in use on ${host}` +
          (port === 5000 ? " (on macOS most likely by AirPlay Receiver; else by another metrics-collector)" : "") +
          `; stop that program, or choose another port with --port, as in --port ${port === 65_535 ? 5001 : port + 1}`,
        cause
      })
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new ServerError({
        reason: "AddressNotAvailable",
        message: `this machine has no address "${host}"; use --host 127.0.0.1, or --host 0.0.0.0 for all addresses`,
        cause
      })
    case "EACCES":
    case "EPERM":
      return new ServerError({
        reason: "PermissionDenied",
        message: `no permission to listen on ${place}` +
          (port < 1024 ? "; ports below 1024 belong to the system, use --port 5000" : ""),
        cause
      })
    default:
      return new ServerError({
        reason: "Failed",
        message: `cannot listen on ${place}: ${cause instanceof Error ? cause.message : String(cause)}`,
        cause
      })
  }
}
