import { Effect } from "effect"
import type { Transports } from "../delivery/Transports.js"
import type { HttpTransportOptions } from "../HttpTransport.js"
import type { SocketTransportOptions } from "../SocketTransport.js"
import type { PlainDelivery } from "./PlainDelivery.js"
import { deliverPlainOverHttp } from "./PlainHttp.js"
import { deliverPlainOverSocket, openPlainSocket, type PlainServer } from "./PlainSocket.js"

/** Plain metrics as JSON, to a server that keeps no account of offsets: at least once, and what is in doubt written down. */
export const plainTransports = (
  socket: SocketTransportOptions,
  http: HttpTransportOptions,
  plain: PlainDelivery
): Transports => {
  const server: PlainServer = { answers: false, isCalledSilent: false }
  return {
    openSocket: () =>
      Effect.map(
        openPlainSocket(socket),
        (connection) => Effect.ensuring(deliverPlainOverSocket(socket, plain, server, connection), plain.settle)
      ),
    overHttp: (onAnswer) => deliverPlainOverHttp(http, plain, onAnswer),
    settle: plain.settle
  }
}
