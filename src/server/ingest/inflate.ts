import { Effect } from "effect"
import { createGunzip } from "node:zlib"
import { Refused, serverBusy, tooLarge } from "../Refused.js"

/**
 * Inflates gzip, up to `limit` bytes. Every piece is announced to `take`, which
 * says whether there is room for it. Fails with status 413, 503 (no room) or 400.
 */
export const inflate = (
  bytes: Uint8Array,
  limit: number,
  take: (bytes: number) => boolean
): Effect.Effect<Buffer, Refused> =>
  Effect.async<Buffer, Refused>((resume) => {
    const gunzip = createGunzip({ chunkSize: 65_536 })
    const chunks: Array<Buffer> = []
    let size = 0
    const fail = (refused: Refused): void => {
      gunzip.destroy()
      resume(Effect.fail(refused))
    }
    gunzip.on("data", (chunk: Buffer) => {
      size += chunk.length
      if (size > limit) return fail(tooLarge(limit, " after gunzip"))
      if (!take(chunk.length)) return fail(serverBusy)
      chunks.push(chunk)
    })
    gunzip.on("end", () => resume(Effect.succeed(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size))))
    gunzip.on("error", (error) =>
      fail(new Refused({ status: 400, code: "bad-gzip", message: `the body is no gzip: ${error.message}` })))
    gunzip.end(bytes)
    return Effect.sync(() =>
      gunzip.destroy()
    )
  })
