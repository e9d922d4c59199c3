import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"

const hopHeaders: ReadonlySet<string> = new Set(["connection", "http2-settings", "upgrade"])

/** Whether a request asks for a WebSocket; clients of HTTP/2 offer `h2c` in the same header, and need not get it. */
export const wantsWebSocket = ({ headers }: IncomingMessage): boolean => /\bwebsocket\b/i.test(headers.upgrade ?? "")

/**
 * Puts a request whose upgrade is declined back onto its socket as one that
 * asks for none, and the last of its connection; `head` is what came after its
 * headers. The socket must then be given to the server once more.
 */
export const declineUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
  const { httpVersion, method = "GET", rawHeaders, url = "/" } = request
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (!hopHeaders.has(rawHeaders[i].toLowerCase())) text += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`
  }
  socket.unshift(Buffer.concat([Buffer.from(`${text}Connection: close\r\n\r\n`, "latin1"), head]))
}
