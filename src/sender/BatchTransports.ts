import { Effect } from "effect"
import { deliverOverHttp, type HttpTransportOptions } from "./HttpTransport.js"
import { deliverOverSocket, openSession, type SocketTransportOptions } from "./SocketTransport.js"
import type { Transports } from "./Transports.js"

/** Batches with offsets, to a server that keeps account of them. */
export const batchTransports = (socket: SocketTransportOptions, http: HttpTransportOptions): Transports => ({
  openSocket: Effect.map(openSession(socket), (session) => deliverOverSocket(socket, session)),
  overHttp: (onAnswer) => deliverOverHttp(http, onAnswer),
  settle: Effect.void
})
