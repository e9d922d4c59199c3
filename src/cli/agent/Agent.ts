import { Clock, Context, Deferred, Duration, Effect, Layer, Ref, Schedule, type Scope, Stream } from "effect"
import { LichessMetricsCollector } from "../../generators/LichessMetricsCollector.js"
import type { MetricsGenerator } from "../../generators/MetricsGenerator.js"
import { NdjsonGenerator } from "../../generators/NdjsonGenerator.js"
import { SelfMetricsGenerator } from "../../generators/SelfMetricsGenerator.js"
import { SystemMetricsGenerator } from "../../generators/SystemMetricsGenerator.js"
import { MetricsPipeline } from "../../MetricsPipeline.js"
import { GenericMetricsSender } from "../../sender/GenericMetricsSender.js"
import { LossLedger, type LossTotal } from "../../telemetry/LossLedger.js"
import { type PipelineSnapshot, PipelineStatus } from "../../telemetry/PipelineStatus.js"
import { type CliFailure, messageOf, misuse } from "../CliFailure.js"
import { Extensions } from "../Extensions.js"
import type { GeneratorChoice } from "../options/GeneratorOptions.js"
import { liveScope, Terminal } from "../terminal/Terminal.js"
import { withGlobalTags } from "./GlobalTags.js"

/** A collector that is running in this process. */
export interface Agent {
  readonly pipeline: Context.Tag.Service<typeof MetricsPipeline>
  readonly sender: Context.Tag.Service<typeof GenericMetricsSender>
  readonly status: Effect.Effect<PipelineSnapshot>
  /** What was lost since the start. */
  readonly losses: Effect.Effect<ReadonlyArray<LossTotal>>
}

/** The generators of the choice and of the user's program, started by nobody yet. */
export const chosenGenerators = (
  choice: GeneratorChoice,
  memoMap: Layer.MemoMap
): Effect.Effect<ReadonlyArray<MetricsGenerator>, CliFailure, Extensions | Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const build = <Self, E>(
      tag: Context.Tag<Self, MetricsGenerator>,
      layer: Layer.Layer<Self, E>
    ): Effect.Effect<MetricsGenerator, CliFailure> =>
      Layer.buildWithMemoMap(layer, memoMap, scope).pipe(
        Effect.map(Context.get(tag)),
        Effect.mapError((error) => misuse(messageOf(error)))
      )

    const generators: Array<MetricsGenerator> = []
    const hostname = choice.hostname === undefined ? {} : { hostname: choice.hostname }
    if (choice.system) {
      const { interval, probe, procfs, sysfs } = choice
      generators.push(
        yield* build(
          SystemMetricsGenerator,
          SystemMetricsGenerator.layer({ interval, probe, procfs, sysfs, ...hostname })
        )
      )
    }
    if (choice.lichess.length + choice.lichessUser.length > 0) {
      generators.push(
        yield* build(
          LichessMetricsCollector,
          LichessMetricsCollector.layer({
            channels: choice.lichess,
            users: choice.lichessUser,
            url: choice.lichessUrl
          })
        )
      )
    }
    if (choice.stdin) generators.push(yield* build(NdjsonGenerator, NdjsonGenerator.layerStdin))
    const extensions = yield* Extensions
    generators.push(...(yield* extensions.build(memoMap)))
    if (!choice.selfMetrics) return generators

    // Reporting on oneself never ends by itself, and must not keep a collector
    // alive whose sources have all ended.
    const self = yield* build(SelfMetricsGenerator, SelfMetricsGenerator.layer(hostname))
    const allEnded = yield* Deferred.make<void>()
    const left = yield* Ref.make(generators.length)
    const oneEnded = Ref.updateAndGet(left, (count) => count - 1).pipe(
      Effect.flatMap((count) => count === 0 ? Deferred.succeed(allEnded, undefined) : Effect.void)
    )
    const watched = generators.map((generator): MetricsGenerator => ({
      ...generator,
      generateMetrics: Stream.concat(generator.generateMetrics, Stream.execute(oneEnded))
    }))
    return [
      ...watched,
      { name: self.name, generateMetrics: Stream.interruptWhenDeferred(self.generateMetrics, allEnded) }
    ]
  })

/** Says at the end what became of what was collected; what stays undelivered, the sender says. */
export const sayDelivered = ({ sender }: PipelineSnapshot): Effect.Effect<void> =>
  sender.pending > 0
    ? Effect.void
    : Effect.logInfo(
      `stopped; all ${sender.accepted} metrics that were accepted are delivered` +
        (sender.unverified === 0 ? "" : `, ${sender.unverified} of them unverified: see outbox losses`)
    )

/**
 * Starts what was chosen, delivering through the sender that `sender`
 * provides. `onStopped` runs when the scope has closed the whole pipeline.
 */
export const startAgent = <E>(
  choice: GeneratorChoice,
  sender: Layer.Layer<GenericMetricsSender, E, LossLedger | PipelineStatus>,
  onStopped: (snapshot: PipelineSnapshot) => Effect.Effect<void> = () => Effect.void
): Effect.Effect<Agent, CliFailure | E, Extensions | Scope.Scope> =>
  Effect.gen(function*() {
    const memoMap = yield* Layer.makeMemoMap
    const scope = yield* Effect.scope
    const telemetry = Layer.merge(PipelineStatus.Default, LossLedger.Default)
    const known = yield* Layer.buildWithMemoMap(telemetry, memoMap, scope)
    const status = Context.get(known, PipelineStatus)
    let started = false
    yield* Effect.addFinalizer(() => started ? Effect.flatMap(status.snapshot, onStopped) : Effect.void)
    const generators = (yield* chosenGenerators(choice, memoMap)).map(withGlobalTags(choice.tags))
    const layer = MetricsPipeline.layer(generators.map((generator) => Effect.succeed(generator))).pipe(
      Layer.provideMerge(sender),
      Layer.provide(telemetry)
    )
    const context = yield* Layer.buildWithMemoMap(layer, memoMap, scope)
    started = true
    return {
      pipeline: Context.get(context, MetricsPipeline),
      sender: Context.get(context, GenericMetricsSender),
      status: status.snapshot,
      losses: Context.get(known, LossLedger).totals
    }
  })

const every = Duration.seconds(1)

// Seconds over which rates are taken: what comes in bursts, as self-metrics do, is even in it.
const rateWindow = 5

/**
 * Draws the state of the agent each second until the scope closes; does
 * nothing where no person looks, or where the terminal is needed for something
 * else: typing what is to be sent, or reading what is collected.
 */
export const showStatus = (
  agent: Agent,
  { dashboard, stdin = false, stdout = false }: {
    /** Where the dashboard is. */
    readonly dashboard?: string
    /** Whether metrics are read from standard input. */
    readonly stdin?: boolean
    /** Whether metrics are written to standard output. */
    readonly stdout?: boolean
  } = {}
): Effect.Effect<void, never, Scope.Scope | Terminal> =>
  Effect.gen(function*() {
    const terminal = yield* Terminal
    const isNeeded = (stdin && process.stdin.isTTY === true) || (stdout && process.stdout.isTTY === true)
    if (!terminal.interactive || isNeeded) return
    // An agent without a terminal has no use for it.
    const { renderStatusBlock } = yield* Effect.promise(() => import("../../telemetry/StatusBlock.js"))
    const look = Effect.all({ at: Clock.currentTimeMillis, now: agent.status })
    let seen = [yield* look]
    yield* liveScope
    const draw = Effect.gen(function*() {
      const { at, now } = yield* look
      const [first] = seen
      seen = [...seen, { at, now }].slice(-rateWindow)
      const losses = yield* agent.losses
      const view = { now, before: first.now, millis: at - first.at, at, losses, dashboard }
      yield* terminal.showBlock(renderStatusBlock(view, yield* terminal.size))
    })
    yield* Effect.forkScoped(Effect.schedule(draw, Schedule.fixed(every)))
  })
