import { FileSystem, Headers, HttpServerRequest, HttpServerResponse, Path } from "@effect/platform"
import { NodeHttpServerRequest } from "@effect/platform-node"
import { Effect, Option } from "effect"
import { refusedResponse } from "../Refused.js"
import type { ServerParts } from "../ServerParts.js"
import { isKnown, makeStaticPage, notModified, type StaticPage } from "./StaticPage.js"

/** Most bytes of files that are kept, as they are; those beyond are read whenever they are asked for. */
const maxKeptBytes = 16_777_216

/** What is text and shrinks, with the type that a browser wants to hear. */
const textTypes: { readonly [extension: string]: string | undefined } = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
  ".svg": "image/svg+xml"
}

/** What answers a path that leads nowhere. */
export const notFound = refusedResponse({ status: 404, code: "not-found", message: "there is nothing here; see /docs" })

const decodePath = (url: string): string | undefined => {
  try {
    return decodeURIComponent(url.split("?")[0])
  } catch {
    return undefined
  }
}

interface Kept {
  /** Tells another version of the file. */
  readonly version: string
  readonly size: number
  readonly page: StaticPage
}

const millisOf = Option.match({ onNone: () => "", onSome: (time: Date) => String(time.getTime()) })

// All files of a package have one time of change, and a page that names other parts has mostly the size of the one before.
const versionOf = ({ birthtime, ino, mtime, size }: FileSystem.File.Info): string =>
  [size, millisOf(mtime), millisOf(birthtime), Option.getOrElse(ino, () => "")].join(" ")

/**
 * Makes what answers with the files of a folder, and never with one outside of
 * it. Texts are read and packed once, and again when they have changed.
 */
export const makeDashboardFiles = (
  folder: string,
  headers: { readonly [name: string]: string },
  { incidents }: Pick<ServerParts, "incidents">
) => {
  const pages = new Map<string, Kept>()
  let bytes = 0

  const forget = (file: string): void => {
    bytes -= pages.get(file)?.size ?? 0
    pages.delete(file)
  }

  const pageOf = (file: string, contentType: string, info: FileSystem.File.Info) =>
    Effect.gen(function*() {
      const version = versionOf(info)
      const kept = pages.get(file)
      if (kept?.version === version) return kept.page
      const content = yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFile(file))
      const page = yield* makeStaticPage(content, contentType, headers)
      forget(file)
      if (bytes + content.length > maxKeptBytes) return page
      bytes += content.length
      pages.set(file, { version, size: content.length, page })
      return page
    })

  return Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const request = yield* HttpServerRequest.HttpServerRequest
    const wanted = decodePath(request.url)
    if (wanted === undefined || wanted.includes("\0")) return notFound
    const root = path.resolve(folder)
    const file = path.resolve(root, `.${wanted.endsWith("/") ? `${wanted}index.html` : wanted}`)
    if (!file.startsWith(root + path.sep)) {
      const { remoteAddress } = NodeHttpServerRequest.toIncomingMessage(request).socket
      incidents.note("odd-path", remoteAddress, wanted)
      return notFound
    }
    const info = yield* fs.stat(file)
    if (info.type !== "File") return notFound
    const contentType = textTypes[path.extname(file)]
    if (contentType !== undefined) {
      return yield* Effect.flatMap(pageOf(file, contentType, info), (page) => page.answer(request))
    }
    const response = yield* HttpServerResponse.file(file, { headers })
    const tag = Headers.get(response.headers, "etag")
    return Option.isSome(tag) && isKnown(request, tag.value) ? notModified(tag.value, headers) : response
  }).pipe(Effect.catchAll(() => Effect.succeed(notFound)))
}
