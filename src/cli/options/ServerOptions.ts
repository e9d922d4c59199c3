import { Options } from "@effect/cli"
import { FileSystem, type Path } from "@effect/platform"
import { Config, Context, Duration, Effect, Either, Layer, Option, type Redacted, type Scope } from "effect"
import { createPrivateKey, X509Certificate } from "node:crypto"
import type { TlsFiles } from "../../server/door/Listener.js"
import { MetricsServer } from "../../server/MetricsServer.js"
import { MetricStore } from "../../store/MetricStore.js"
import { enforceRetention } from "../../store/retention/Retention.js"
import type { RetentionOptions } from "../../store/retention/RetentionAges.js"
import { SqliteMetricStore } from "../../store/SqliteMetricStore.js"
import type { PipelineSnapshot } from "../../telemetry/PipelineStatus.js"
import { type CliFailure, misuse, toFailure } from "../CliFailure.js"
import { dashboardFiles, packageInfo } from "../PackageFiles.js"
import { preferMainThread } from "../preferMainThread.js"
import { configuredList } from "./Configuration.js"
import { readToken, tokenOptions } from "./ConnectionOptions.js"
import { dataDirectory, dataDirOption } from "./DataDirectory.js"
import { parsed, parseDuration, parseSize } from "./Values.js"

/** Options of every command that runs a server. */
export const serverOptions = {
  host: Options.text("host").pipe(
    Options.withPseudoName("ADDRESS"),
    Options.withDescription(
      "Address to listen on (METRICS_HOST; default 127.0.0.1); others need --token or --insecure"
    ),
    Options.withFallbackConfig(Config.string("host")),
    Options.withDefault("127.0.0.1")
  ),
  port: Options.integer("port").pipe(
    Options.withPseudoName("PORT"),
    Options.withDescription("Port to listen on, 0 for any free one (METRICS_PORT; default 5000)"),
    Options.withFallbackConfig(Config.integer("port")),
    Options.withDefault(5000),
    parsed("port", (port: number) =>
      Number.isInteger(port) && port >= 0 && port <= 65_535
        ? Either.right(port)
        : Either.left(`expected 0 to 65535, got ${port}`))
  ),
  dataDir: dataDirOption,
  ...tokenOptions,
  insecure: Options.boolean("insecure").pipe(
    Options.withDescription("Listen beyond this machine without a token: anyone may read and write")
  ),
  retention: Options.text("retention").pipe(
    Options.withPseudoName("AGE"),
    Options.withDescription("Delete points older than this, as in 30d (METRICS_RETENTION; default: keep all)"),
    Options.withFallbackConfig(Config.string("retention")),
    Options.optional,
    parsed(
      "retention",
      Option.match({
        onNone: () => parseDuration("0s"),
        onSome: parseDuration
      })
    )
  ),
  retentionType: Options.text("retention-type").pipe(
    Options.withPseudoName("NAME=AGE"),
    Options.withDescription(
      "Another age for a metric type, as in cpu_percent=7d or network_*=90d; repeatable, the first that fits counts " +
        "(METRICS_RETENTION_TYPES=a=7d,b=90d)"
    ),
    Options.repeated
  ),
  queryTimeout: Options.text("query-timeout").pipe(
    Options.withPseudoName("DURATION"),
    Options.withDescription("How long a query may take (METRICS_QUERY_TIMEOUT; default 30s)"),
    Options.withFallbackConfig(Config.string("query-timeout")),
    Options.withDefault("30s"),
    parsed("query-timeout", parseDuration)
  ),
  retentionSize: Options.text("retention-size").pipe(
    Options.withPseudoName("SIZE"),
    Options.withDescription(
      "Delete the oldest days while the store uses more, as in 10GB (METRICS_RETENTION_SIZE; default: no limit)"
    ),
    Options.withFallbackConfig(Config.string("retention-size")),
    Options.optional,
    parsed(
      "retention-size",
      Option.match({
        onNone: () => Either.right(Option.none<number>()),
        onSome: (text) => Either.map(parseSize(text), Option.some)
      })
    )
  )
}

/** Options of a server that others reach. `up` has none of them: its collector comes over loopback. */
export const publicOptions = {
  maxConnections: Options.integer("max-connections").pipe(
    Options.withPseudoName("COUNT"),
    Options.withDescription("Most connections at a time (METRICS_MAX_CONNECTIONS; default 10000)"),
    Options.withFallbackConfig(Config.integer("max-connections")),
    Options.withDefault(10_000)
  ),
  allowOrigin: Options.text("allow-origin").pipe(
    Options.withPseudoName("URL"),
    Options.withDescription(
      "Origin of pages elsewhere that may use the server, or its public address behind a proxy, as in " +
        "https://dash.example.com; repeatable (METRICS_ALLOW_ORIGINS=a,b)"
    ),
    Options.repeated
  ),
  tlsCert: Options.text("tls-cert").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription("Certificate (PEM): serve over TLS; goes with --tls-key"),
    Options.withFallbackConfig(Config.string("tls-cert")),
    Options.optional
  ),
  tlsKey: Options.text("tls-key").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription("Key of the certificate (PEM)"),
    Options.withFallbackConfig(Config.string("tls-key")),
    Options.optional
  )
}

/** The server options as the command line gave them. */
export interface ServerChoice {
  readonly host: string
  readonly port: number
  readonly dataDir: Option.Option<string>
  readonly token: Option.Option<Redacted.Redacted>
  readonly tokenFile: Option.Option<string>
  readonly insecure: boolean
  readonly maxConnections?: number
  readonly allowOrigin?: ReadonlyArray<string>
  readonly tlsCert?: Option.Option<string>
  readonly tlsKey?: Option.Option<string>
  /** Zero: keep everything. */
  readonly retention: Duration.Duration
  readonly retentionType: ReadonlyArray<string>
  /** Bytes. */
  readonly retentionSize: Option.Option<number>
  readonly queryTimeout: Duration.Duration
}

/** A server that is running in this process. */
export interface RunningServer {
  /** As a person opens it, without a slash at its end. */
  readonly url: string
  readonly port: number
  readonly dataDir: string
  readonly token: Redacted.Redacted | undefined
}

const readPem = (option: string, path: string): Effect.Effect<string, CliFailure, FileSystem.FileSystem> =>
  Effect.flatMap(
    FileSystem.FileSystem,
    (fs) => Effect.mapError(fs.readFileString(path), (error) => misuse(`${option} ${path}: ${error.message}`))
  )

const readTls = (
  { tlsCert = Option.none(), tlsKey = Option.none() }: ServerChoice
): Effect.Effect<TlsFiles | undefined, CliFailure, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    if (Option.isNone(tlsCert) && Option.isNone(tlsKey)) return undefined
    if (Option.isNone(tlsCert) || Option.isNone(tlsKey)) return yield* misuse("--tls-cert and --tls-key go together")
    const cert = yield* readPem("--tls-cert", tlsCert.value)
    const key = yield* readPem("--tls-key", tlsKey.value)
    const certificate = yield* Effect.try({
      try: () => new X509Certificate(cert),
      catch: () => misuse(`--tls-cert ${tlsCert.value}: no certificate in PEM form stands in it`)
    })
    const privateKey = yield* Effect.try({
      try: () => createPrivateKey(key),
      catch: () => misuse(`--tls-key ${tlsKey.value}: no private key in PEM form, without a passphrase, stands in it`)
    })
    if (!certificate.checkPrivateKey(privateKey)) {
      return yield* misuse(`--tls-key ${tlsKey.value} is not the key of the certificate ${tlsCert.value}`)
    }
    return { cert, key }
  })

/** Reads `NAME=AGE`; a name may be written with `*`. */
const parseRetentionType = (
  text: string
): Either.Either<{ readonly metricType: string; readonly age: Duration.Duration }, string> => {
  const at = text.lastIndexOf("=")
  return at < 1
    ? Either.left(`"${text}" is no pair; write it like cpu_percent=7d`)
    : Either.map(parseDuration(text.slice(at + 1)), (age) => ({ metricType: text.slice(0, at), age }))
}

const retentionOf = ({ retention, retentionType }: ServerChoice): Effect.Effect<RetentionOptions, CliFailure> =>
  Effect.gen(function*() {
    const configured = retentionType.length > 0 ? retentionType : yield* configuredList("retention-types")
    const types = yield* Either.mapLeft(
      Either.all(configured.map(parseRetentionType)),
      (message) => misuse(`--retention-type: ${message}`)
    )
    const zero = types.find(({ age }) => Duration.toMillis(age) === 0)
    if (zero !== undefined) {
      return yield* misuse(`--retention-type ${zero.metricType}=0: would keep nothing; choose an age above 0`)
    }
    return { types, age: Duration.toMillis(retention) > 0 ? retention : undefined }
  })

const originsOf = ({ allowOrigin = [] }: ServerChoice): Effect.Effect<ReadonlyArray<string>, CliFailure> =>
  Effect.gen(function*() {
    const origins = allowOrigin.length > 0 ? allowOrigin : yield* configuredList("allow-origins")
    const wrong = origins.find((text) => !/^https?:\/\/[^/]+\/?$/.test(text) || !URL.canParse(text))
    if (wrong !== undefined) {
      return yield* misuse(`--allow-origin: "${wrong}" is no origin; write it like https://dash.example.com`)
    }
    return origins
  })

/** Opens the store and starts the server; both live as long as the scope. */
export const startServer = (
  choice: ServerChoice,
  pipeline?: Effect.Effect<PipelineSnapshot>
): Effect.Effect<RunningServer, CliFailure, FileSystem.FileSystem | Path.Path | Scope.Scope> =>
  Effect.gen(function*() {
    yield* preferMainThread
    const token = yield* readToken(choice)
    const tls = yield* readTls(choice)
    const dataDir = yield* dataDirectory(choice.dataDir)
    const dashboardDir = yield* dashboardFiles
    const allowedOrigins = yield* originsOf(choice)
    const { version } = yield* packageInfo
    const server = MetricsServer.layer({
      host: choice.host,
      port: choice.port,
      insecure: choice.insecure,
      maxConnections: choice.maxConnections,
      allowedOrigins,
      version,
      ...(token === undefined ? {} : { token }),
      ...(tls === undefined ? {} : { tls }),
      ...(dashboardDir === undefined ? {} : { dashboardDir }),
      ...(pipeline === undefined ? {} : { pipeline })
    })
    const context = yield* Layer.build(
      Layer.provideMerge(
        server,
        SqliteMetricStore.layer({
          dataDir,
          queryTimeout: choice.queryTimeout,
          retention: yield* retentionOf(choice)
        })
      )
    ).pipe(
      Effect.mapError((error) =>
        "reason" in error && error.reason === "Unprotected" ? misuse(error.message) : toFailure(error)
      )
    )
    yield* Effect.forkScoped(Effect.provideService(
      enforceRetention({ bytes: Option.getOrUndefined(choice.retentionSize) }),
      MetricStore,
      Context.get(context, MetricStore)
    ))
    const { port, url } = Context.get(context, MetricsServer)
    return { port, url, dataDir, token }
  })
