import { Options } from "@effect/cli"
import { FileSystem } from "@effect/platform"
import { Config, Effect, type Layer, Option, Redacted } from "effect"
import { X509Certificate } from "node:crypto"
import { MetricsClient } from "../../client/MetricsClient.js"
import type { SenderOptions } from "../../sender/GenericMetricsSender.js"
import { type Endpoint, parseEndpoint, parsePlainEndpoint } from "../../wire/Endpoint.js"
import { type CliFailure, misuse } from "../CliFailure.js"

/** Where a sender delivers when nothing else is said. */
export const DEFAULT_ENDPOINT = "ws://localhost:5000/ws/metrics"

/** Where a client asks when nothing else is said. */
export const DEFAULT_SERVER = "http://localhost:5000"

/** Options of every command that delivers metrics. */
export const endpointOptions = {
  endpoint: Options.text("endpoint").pipe(
    Options.withPseudoName("URL"),
    Options.withDescription(`Server to deliver to (METRICS_ENDPOINT; default ${DEFAULT_ENDPOINT})`),
    Options.withFallbackConfig(Config.string("endpoint")),
    Options.withDefault(DEFAULT_ENDPOINT)
  ),
  httpEndpoint: Options.text("http-endpoint").pipe(
    Options.withPseudoName("URL"),
    Options.withDescription("HTTP fallback, when it is not /api/metrics on the same server"),
    Options.withFallbackConfig(Config.string("http-endpoint")),
    Options.optional
  )
}

/** Option of every command that delivers metrics. */
export const plainOption = Options.boolean("plain").pipe(
  Options.withDescription("Send plain JSON, at least once: for a server that is no metrics-collector")
)

/** The endpoint that the options name. */
export const readEndpoint = (options: {
  readonly endpoint: string
  readonly httpEndpoint: Option.Option<string>
  readonly plain: boolean
}): Effect.Effect<Endpoint, CliFailure> =>
  Effect.mapError(
    (options.plain ? parsePlainEndpoint : parseEndpoint)(options.endpoint, Option.getOrUndefined(options.httpEndpoint)),
    (error) => misuse(error.message)
  )

/** Options of every command that shows a token. */
export const tokenOptions = {
  token: Options.redacted("token").pipe(
    Options.withPseudoName("TOKEN"),
    Options.withDescription("Bearer token (METRICS_TOKEN keeps it out of the process list)"),
    Options.withFallbackConfig(Config.redacted("token")),
    Options.optional
  ),
  tokenFile: Options.text("token-file").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription("File that holds the token"),
    Options.withFallbackConfig(Config.string("token-file")),
    Options.optional
  )
}

/** Option of every command that goes to a server. */
export const caOption = Options.text("ca-file").pipe(
  Options.withPseudoName("FILE"),
  Options.withDescription("Certificates (PEM) to trust in place of the usual authorities (METRICS_CA_FILE)"),
  Options.withFallbackConfig(Config.string("ca-file")),
  Options.optional
)

/** The certificates of the file that the option names. */
export const readCa = (
  option: Option.Option<string>
): Effect.Effect<string | undefined, CliFailure, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    if (Option.isNone(option)) return undefined
    const fs = yield* FileSystem.FileSystem
    const path = option.value
    const text = yield* Effect.mapError(
      fs.readFileString(path),
      (error) => misuse(`--ca-file ${path}: ${error.message}`)
    )
    yield* Effect.try({
      try: () => new X509Certificate(text),
      catch: () => misuse(`--ca-file ${path}: no certificate in PEM form stands in it`)
    })
    return text
  })

/** The token that the options name, read from its file where they name a file. */
export const readToken = (options: {
  readonly token: Option.Option<Redacted.Redacted>
  readonly tokenFile: Option.Option<string>
}): Effect.Effect<Redacted.Redacted | undefined, CliFailure, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    if (Option.isSome(options.token)) {
      const token = Redacted.value(options.token.value)
      if (token.trim() === "") return yield* misuse("--token is empty; leave it out to use no token")
      return options.token.value
    }
    if (Option.isNone(options.tokenFile)) return undefined
    const path = options.tokenFile.value
    const fs = yield* FileSystem.FileSystem
    const text = yield* fs.readFileString(path).pipe(
      Effect.mapError((error) => misuse(`--token-file ${path}: ${error.message}`))
    )
    if (text.trim() === "") return yield* misuse(`--token-file ${path}: the file is empty`)
    return Redacted.make(text.trim())
  })

/**
 * What the options tell a sender of its server, and the address of the WebSocket; the URLs, the token and the
 * certificates are checked first. `format` is that of plain metrics.
 */
export const readTarget = (
  options: {
    readonly endpoint: string
    readonly httpEndpoint: Option.Option<string>
    readonly plain: boolean
    readonly token: Option.Option<Redacted.Redacted>
    readonly tokenFile: Option.Option<string>
    readonly caFile: Option.Option<string>
  },
  format: NonNullable<SenderOptions["plain"]>
): Effect.Effect<
  {
    readonly socketUrl: string
    readonly target: Pick<SenderOptions, "endpointUrl" | "httpEndpointUrl" | "plain" | "token" | "ca">
  },
  CliFailure,
  FileSystem.FileSystem
> =>
  Effect.gen(function*() {
    const { socketUrl } = yield* readEndpoint(options)
    const token = yield* readToken(options)
    const ca = yield* readCa(options.caFile)
    const target = {
      endpointUrl: options.endpoint,
      httpEndpointUrl: Option.getOrUndefined(options.httpEndpoint),
      plain: options.plain ? format : undefined,
      token,
      ca
    }
    return { socketUrl, target }
  })

/** Which server a client asks. */
export const serverOption = Options.text("server").pipe(
  Options.withPseudoName("URL"),
  Options.withDescription(`Server to ask (METRICS_SERVER; default ${DEFAULT_SERVER})`),
  Options.withFallbackConfig(Config.string("server")),
  Options.withDefault(DEFAULT_SERVER)
)

/** A client of the server that the options name; the URL and the token are checked first. */
export const connectClient = (options: {
  readonly server: string
  readonly token: Option.Option<Redacted.Redacted>
  readonly tokenFile: Option.Option<string>
  readonly caFile: Option.Option<string>
}): Effect.Effect<Layer.Layer<MetricsClient>, CliFailure, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const { serverUrl } = yield* Effect.mapError(parseEndpoint(options.server), (error) => misuse(error.message))
    const token = yield* readToken(options)
    const ca = yield* readCa(options.caFile)
    return MetricsClient.layer({ serverUrl, ca, token })
  })
