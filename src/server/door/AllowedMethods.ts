import { HttpApi } from "@effect/platform"
import { Api } from "../../wire/Api.js"
import { SOCKET_PATH } from "../../wire/Endpoint.js"

const read: ReadonlyArray<string> = ["GET", "HEAD"]

const byPath = new Map<string, ReadonlyArray<string>>(
  ["/", "/docs", "/openapi.json", "/favicon.ico", SOCKET_PATH].map((path) => [path, read])
)
HttpApi.reflect(Api, {
  onGroup: () => undefined,
  onEndpoint: ({ endpoint: { method, path } }) => {
    byPath.set(path, [...byPath.get(path) ?? [], ...(method === "GET" ? read : [method])])
  }
})

/** The methods that a path of the API or a page takes; `undefined` for a path that is none of them. */
export const allowedMethods = (path: string): ReadonlyArray<string> | undefined => byPath.get(path)
