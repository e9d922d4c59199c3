import Sqlite from "better-sqlite3"
import { Clock, Deferred, Effect, Exit, Fiber, Schedule, Schema, type Scope } from "effect"
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { toWire } from "../../src/domain/GenericMetric.js"
import { type Account, accountFor, type Life } from "./Account.js"
import type { EmbeddedSettings } from "./EmbeddedSettings.js"
import { type ConnectionCounts, type FaultyProxy, faultyProxy } from "./FaultyProxy.js"
import { metricOf } from "./Numbers.js"
import { type Fault, makePlan, nameOf, type PlannedFault, type Producer, producers, type Role } from "./Plan.js"
import { type Ended, type Running, runProcess, SoakError, startProcess } from "./Process.js"
import { preparePrograms, type Programs } from "./Programs.js"
import { declaredLosses, readBack, type Server, serverStatus } from "./ReadBack.js"
import { Seat } from "./Seat.js"
import { type SmallDisk, smallDisk } from "./SmallDisk.js"

/** How a soak is run. */
export interface SoakOptions {
  readonly seed: number
  /** How long faults happen, ms; what follows is delivered without any. */
  readonly millis: number
  /** Metrics per second of all producers together. */
  readonly rate: number
  /** Told once a second. */
  readonly onProgress?: (progress: Progress) => void
}

/** Where a running soak is. */
export interface Progress {
  readonly elapsedMillis: number
  readonly phase: "faults" | "draining" | "reading back"
  readonly produced: number
  readonly told: number
  /** Points in the store, as the server said last. */
  readonly stored: number
  readonly faults: number
}

/** What a soak came to. */
export interface SoakReport {
  readonly seed: number
  /** How often each fault happened, by its name. */
  readonly faults: ReadonlyMap<string, number>
  /** Faults that found nobody to happen to, or that this system does not allow, by name and reason. */
  readonly omitted: ReadonlyMap<string, number>
  readonly accounts: ReadonlyArray<Account>
  readonly programs: ReadonlyArray<
    { readonly role: Role; readonly starts: number; readonly highestResident: number | undefined }
  >
  readonly connections: ConnectionCounts
  /** How long it took after the last fault until all was delivered, ms. */
  readonly drainMillis: number
  /** What must not be, as sentences; empty when all agrees. */
  readonly differences: ReadonlyArray<string>
  /** Where data and logs are, when they were kept. */
  readonly kept: string | undefined
}

/** How long delivery may take once the faults have ended. */
const drainPatience = "5 minutes"

/** How long a program may take to start. */
const startPatience = "1 minute"

// Bytes of the outbox of a producer that embeds the sender: full within seconds of an outage.
const smallOutbox = { embedded: 512 * 1024, dropping: 192 * 1024 }

const shares = { agent: 0.3, embedded: 0.5, dropping: 0.2 }

// Metrics of one call of `send`, and how long until the next, ms.
const sendSizes = { least: 100, spread: 3_000 }
const sendPause = 3_000

const feedEvery = 20

/** Most metrics that are written to a standard input at once. */
const maxFed = 1_000

const OutboxStatus = Schema.parseJson(Schema.Struct({
  openedAt: Schema.NullOr(Schema.Int),
  streams: Schema.Array(Schema.Struct({ stream: Schema.String, acked: Schema.Int, next: Schema.Int }))
}))

const AuditAnswer = Schema.parseJson(Schema.Struct({
  streams: Schema.Array(Schema.Struct({
    stream: Schema.String,
    produced: Schema.Int,
    stored: Schema.Int,
    pending: Schema.Int,
    lost: Schema.Int,
    missing: Schema.Int
  }))
}))

const lines = (life: Life, from: number, to: number): string => {
  let text = ""
  for (let n = from; n < to; n++) text += `${JSON.stringify(toWire(metricOf(life, n)))}\n`
  return text
}

const increment = (counts: Map<string, number>, name: string): void =>
  void counts.set(name, (counts.get(name) ?? 0) + 1)

/** A soak while it runs: its programs, and what is known of them. */
class Soak {
  readonly seats: { readonly [R in Role]: Seat } = {
    server: new Seat("server"),
    agent: new Seat("agent"),
    embedded: new Seat("embedded"),
    dropping: new Seat("dropping"),
    send: new Seat("send")
  }
  readonly lives: { readonly [P in Producer]: Array<Life> } = { agent: [], embedded: [], dropping: [], send: [] }
  readonly faults = new Map<string, number>()
  readonly omitted = new Map<string, number>()
  readonly differences: Array<string> = []
  /** Where the server answers, while it does. */
  url: string | undefined
  stored = 0
  private finishing = false

  constructor(
    private readonly options: SoakOptions,
    private readonly directory: string,
    private readonly token: string,
    private readonly programs: Programs,
    private readonly proxy: FaultyProxy,
    private readonly disks: { readonly server: SmallDisk | undefined; readonly embedded: SmallDisk | undefined }
  ) {}

  dataDir(role: Role): string {
    return path.join(this.directory, role)
  }

  private words(...words: ReadonlyArray<string>): ReadonlyArray<string> {
    return [this.programs.executable, ...words]
  }

  private get endpoint(): string {
    return `ws://127.0.0.1:${this.proxy.port}/ws/metrics`
  }

  private process(role: Role) {
    return { cwd: this.directory, token: this.token, log: path.join(this.directory, `${role}.log`) }
  }

  private isFull(role: Role): boolean {
    return role === "server" || role === "embedded" ? this.disks[role]?.isFull() === true : false
  }

  /** Says when a process ended as it must not. */
  private judge(seat: Seat, { code, signal, stderr }: Ended): void {
    if (signal !== null && signal === seat.sent) return
    if (code === 0 || (seat.sent === "SIGTERM" && code === 130) || this.isFull(seat.role)) return
    this.differences.push(
      `a process of ${seat.role} ended with ${signal ?? `exit code ${code}`}, ${
        seat.sent === undefined ? "sent no signal" : `sent ${seat.sent}`
      }: ${stderr.trim().split("\n").slice(-3).join(" / ")}`
    )
  }

  /** Sits the server down again and again, for as long as the scope. */
  readonly server: Effect.Effect<void> = Effect.forever(Effect.scoped(Effect.gen(this, function*() {
    const seat = this.seats.server
    const running = yield* startProcess({
      ...this.process("server"),
      words: this.words("serve", "--port", "0", "--data-dir", this.dataDir("server"))
    })
    seat.sit(running)
    const listening = running.says(/listening on http:\/\/127\.0\.0\.1:(\d+)/).pipe(
      Effect.tap((port) =>
        Effect.sync(() => {
          // A server that is going is not waited for.
          if (seat.sent !== undefined) return
          this.url = `http://127.0.0.1:${port}`
          this.proxy.forwardTo(Number(port))
        })
      ),
      Effect.timeoutFail({
        duration: startPatience,
        onTimeout: () => new SoakError({ message: "the server did not start in time" })
      }),
      Effect.catchAll(({ message }) =>
        Effect.sync(() => {
          if (!running.hasEnded()) this.differences.push(message)
        })
      )
    )
    const ended = yield* Effect.zipRight(Effect.raceFirst(listening, running.ended), running.ended)
    this.url = undefined
    this.proxy.forwardTo(undefined)
    this.judge(seat, ended)
    yield* Effect.sleep(Math.max(seat.away, ended.code === 0 || ended.code === null ? 0 : 500))
    seat.away = 0
  })))

  /** Writes numbers to the standard input of an agent until it ends, or the soak does. */
  private feed(life: Life, running: Running, rate: number): Effect.Effect<void> {
    return Effect.gen(this, function*() {
      const startedAt = yield* Clock.currentTimeMillis
      let held = 0
      let before = startedAt
      while (!this.finishing && !running.hasEnded()) {
        const now = yield* Clock.currentTimeMillis
        if (running.readsAlong()) {
          const due = Math.floor((now - startedAt - held) * rate / 1_000)
          const to = Math.min(due, life.asked + maxFed)
          if (to > life.asked) {
            const from = life.asked
            life.asked = to
            running.write(lines(life, from, to))
          }
          // What nobody read in time is not made good for.
        } else held += now - before
        before = now
        yield* Effect.sleep(feedEvery)
      }
      yield* running.endInput
    })
  }

  /** The words of a producer that embeds the sender. */
  private embeddedWords(producer: "embedded" | "dropping", life: Life): ReadonlyArray<string> {
    const settings: EmbeddedSettings = {
      endpointUrl: this.endpoint,
      token: this.token,
      dataDir: this.dataDir(producer),
      producer,
      life: life.life,
      begin: life.begin,
      rate: this.options.rate * shares[producer],
      maxBytes: smallOutbox[producer],
      overflow: producer === "dropping" ? "drop-oldest" : "block"
    }
    return [this.programs.embedded, JSON.stringify(settings)]
  }

  /** Starts a process of a producer and gives it its numbers. */
  private begin(life: Life): Effect.Effect<Running, never, Scope.Scope> {
    return Effect.gen(this, function*() {
      const { producer } = life
      const options = this.process(producer)
      const place = ["--endpoint", this.endpoint, "--data-dir", this.dataDir(producer)]
      switch (producer) {
        case "agent": {
          const running = yield* startProcess({
            ...options,
            words: this.words("run", "--stdin", "--no-self-metrics", ...place)
          })
          yield* Effect.forkScoped(this.feed(life, running, this.options.rate * shares.agent))
          return running
        }
        case "send": {
          const running = yield* startProcess({
            ...options,
            words: this.words("send", "--stdin", "--timeout", "1m", ...place)
          })
          life.asked = sendSizes.least + (life.life * 977) % sendSizes.spread
          running.write(lines(life, 0, life.asked))
          yield* running.endInput
          return running
        }
        default: {
          const running = yield* startProcess({
            ...options,
            words: this.embeddedWords(producer, life),
            onLine: (line) => {
              const [what, count] = line.split(" ")
              if (what === "asked") life.asked = Number(count)
              else if (what === "accepted") life.told = Number(count)
              else this.differences.push(`${producer} wrote ${line}`)
            }
          })
          const finish = Effect.repeat(
            Effect.suspend(() => this.finishing ? running.endInput : Effect.void),
            Schedule.spaced(feedEvery)
          )
          yield* Effect.forkScoped(finish)
          return running
        }
      }
    })
  }

  /** The outbox of a producer, its streams oldest first; without any when it was never opened. */
  private outbox(producer: Producer): Effect.Effect<typeof OutboxStatus.Type, SoakError> {
    if (!fs.existsSync(path.join(this.dataDir(producer), "outbox.db"))) {
      return Effect.succeed({ openedAt: null, streams: [] })
    }
    return runProcess({
      ...this.process(producer),
      words: this.words("outbox", "status", "--format", "json", "--data-dir", this.dataDir(producer))
    }).pipe(
      Effect.flatMap(({ code, stderr, stdout }) =>
        code === 0
          ? Effect.mapError(
            Schema.decode(OutboxStatus)(stdout),
            ({ message }) => new SoakError({ message: `outbox status of ${producer}: ${message}` })
          )
          : new SoakError({ message: `outbox status of ${producer}: ${stderr}` })
      ),
      // On a full disk nothing can be read, for as long as it is full.
      Effect.retry({ while: () => this.isFull(producer), schedule: Schedule.spaced("500 millis") })
    )
  }

  /** One process of a producer, from its start to what its outbox knows after its end; `true` when it ended well. */
  private live(producer: Producer): Effect.Effect<boolean, SoakError> {
    return Effect.scoped(Effect.gen(this, function*() {
      const seat = this.seats[producer]
      const lives = this.lives[producer]
      const life: Life = {
        producer,
        life: lives.length,
        begin: yield* Clock.currentTimeMillis,
        asked: 0,
        told: 0,
        stream: undefined,
        accepted: 0,
        uncleanAt: undefined
      }
      lives.push(life)
      const running = yield* this.begin(life)
      seat.sit(running)
      const ended = yield* running.ended
      const gaveUp = producer === "send" && ended.code === 1 && ended.stderr.includes("are kept in")
      if (!gaveUp) this.judge(seat, ended)
      const well = seat.sent === undefined && ended.code === 0
      // All that they read is accepted when they end by themselves.
      if ((producer === "agent" || producer === "send") && (well || gaveUp)) life.told = life.asked
      const endedAt = yield* Clock.currentTimeMillis
      const { openedAt, streams } = yield* this.outbox(producer)
      const newest = streams.at(-1)
      if (newest !== undefined && !lives.some(({ stream }) => stream === newest.stream)) {
        life.stream = newest.stream
        life.accepted = newest.next
        life.uncleanAt = openedAt === null ? undefined : endedAt
      }
      yield* Effect.sleep(Math.max(seat.away, well || ended.code === null ? 0 : 500))
      seat.away = 0
      return well
    }))
  }

  /** A producer, until the soak finishes and a last process of it has delivered everything. */
  producer(producer: Producer): Effect.Effect<void, SoakError> {
    const pause = Effect.suspend(() => producer === "send" && !this.finishing ? Effect.sleep(sendPause) : Effect.void)
    const one = Effect.suspend(() => {
      const isLast = this.finishing || producer !== "send"
      return Effect.map(this.live(producer), (well) => well && isLast && this.finishing)
    })
    return Effect.repeat(Effect.zipLeft(one, pause), { until: (over) => over })
  }

  private happen(fault: Fault): Effect.Effect<void> {
    const name = nameOf(fault)
    const omit = (reason: string) => Effect.sync(() => increment(this.omitted, `${name}: ${reason}`))
    const count = Effect.sync(() => increment(this.faults, name))
    switch (fault.kind) {
      case "kill":
      case "terminate": {
        if (fault.role === "server") this.proxy.forwardTo(undefined)
        const signal = fault.kind === "kill" ? "SIGKILL" : "SIGTERM"
        return Effect.flatMap(
          this.seats[fault.role].end(signal, fault.millis),
          (found) => found ? count : omit("nobody there")
        )
      }
      case "freeze":
        return Effect.flatMap(
          this.seats[fault.role].freeze(fault.millis),
          (found) => found ? count : omit("nobody there")
        )
      case "disk-full": {
        const disk = this.disks[fault.role]
        return disk === undefined
          ? omit("needs a tmpfs, and the right to mount one")
          : Effect.zipRight(count, disk.fullFor(fault.millis))
      }
      default:
        return Effect.zipRight(count, this.proxy.suffer(fault))
    }
  }

  /** Lets the planned faults happen, each at its time; ends when the last one is over. */
  suffer(plan: ReadonlyArray<PlannedFault>): Effect.Effect<void> {
    return Effect.forEach(plan, ({ at, fault }) => Effect.delay(Effect.suspend(() => this.happen(fault)), at), {
      concurrency: "unbounded",
      discard: true
    })
  }

  progress(phase: Progress["phase"], elapsedMillis: number): Progress {
    const all = producers.flatMap((producer) => this.lives[producer])
    return {
      elapsedMillis,
      phase,
      produced: all.reduce((sum, { asked }) => sum + asked, 0),
      told: all.reduce((sum, { told }) => sum + told, 0),
      stored: this.stored,
      faults: Array.from(this.faults.values()).reduce((sum, count) => sum + count, 0)
    }
  }

  /** Looks at memory and at the server. */
  readonly look: Effect.Effect<void> = Effect.suspend(() => {
    for (const seat of Object.values(this.seats)) seat.measure()
    const { url } = this
    if (url === undefined) return Effect.void
    return serverStatus({ url, token: this.token }, 900).pipe(
      Effect.map(({ store }) => {
        this.stored = store.points
      }),
      Effect.ignore
    )
  })

  /** No more numbers: every producer delivers what it has and ends. */
  finish(): void {
    this.finishing = true
  }

  /** The server, as soon as it answers. */
  readonly answering: Effect.Effect<Server, SoakError> = Effect.suspend(() =>
    this.url === undefined
      ? Effect.fail(new SoakError({ message: "the server does not answer" }))
      : Effect.succeed({ url: this.url, token: this.token })
  ).pipe(
    Effect.tap((server) => serverStatus(server, 5_000)),
    Effect.retry(Schedule.spaced("100 millis").pipe(Schedule.upTo(startPatience)))
  )

  /** Stops the server as a person does, and waits for the next one. */
  readonly restartServer: Effect.Effect<Server, SoakError> = Effect.gen(this, function*() {
    const { running } = this.seats.server
    yield* this.seats.server.end("SIGTERM", 0)
    if (running !== undefined) yield* running.ended
    return yield* this.answering
  })

  /** Holds what was told against what is there, by reading back and by the command `audit`. */
  audited(server: Server): Effect.Effect<ReadonlyArray<Account>, SoakError> {
    return Effect.gen(this, function*() {
      const losses = yield* declaredLosses(server)
      const accounts: Array<Account> = []
      for (const producer of producers) {
        const lives = this.lives[producer]
        const { streams: waiting } = yield* this.outbox(producer)
        const account = accountFor(producer, lives, yield* readBack(server, producer, lives), losses, waiting)
        accounts.push(account)
        if (account.pending > 0) this.differences.push(`${producer}: ${account.pending} metrics were not delivered`)
        const { code, stderr, stdout } = yield* runProcess({
          ...this.process(producer),
          words: this.words(
            "audit",
            "--server",
            server.url,
            "--data-dir",
            this.dataDir(producer),
            "--format",
            "json"
          )
        })
        if (code !== 0) this.differences.push(`${producer}: audit ended with ${code}: ${stderr} ${stdout}`)
        const audit = yield* Effect.option(Schema.decode(AuditAnswer)(stdout))
        if (audit._tag === "None") {
          this.differences.push(`${producer}: audit answered ${stdout}`)
          continue
        }
        for (const [ours, theirs] of [["accepted", "produced"], ...same] as const) {
          const sum = audit.value.streams.reduce((total, stream) => total + stream[theirs], 0)
          if (sum !== account[ours]) {
            this.differences.push(`${producer}: audit says ${sum} ${theirs}, and there are ${account[ours]} ${ours}`)
          }
        }
      }
      return accounts
    })
  }

  /** Has SQLite look through every database. */
  checkFiles(): void {
    const files = [
      ["server", "store.db"],
      ...producers.map((producer) => [producer, "outbox.db"] as const)
    ] as const
    for (const [role, name] of files) {
      const db = new Sqlite(path.join(this.dataDir(role), name), { readonly: true })
      const found = String(db.pragma("integrity_check", { simple: true }))
      db.close()
      if (found !== "ok") this.differences.push(`${name} of ${role}: ${found}`)
      const damaged = fs.readdirSync(this.dataDir(role)).filter((file) => file.includes("damaged"))
      if (damaged.length > 0) this.differences.push(`${role} set files aside: ${damaged.join(", ")}`)
    }
  }
}

const same = [["stored", "stored"], ["pending", "pending"], ["lost", "lost"], ["missing", "missing"]] as const

/** A folder for everything of a soak; it stays when `keep` was called. */
const workDirectory = Effect.acquireRelease(
  Effect.sync(() => ({ path: fs.mkdtempSync(path.join(os.tmpdir(), "metrics-soak-")), kept: false })),
  (made) => Effect.sync(() => made.kept ? undefined : fs.rmSync(made.path, { recursive: true, force: true }))
)

/**
 * Runs the built collector and server behind a proxy that misbehaves, kills
 * both, and holds in the end what every producer was told against what is
 * stored. The plan of the faults is made of the seed; when each of them meets
 * what is as real as the clock.
 */
export const soak = (options: SoakOptions): Effect.Effect<SoakReport, SoakError> =>
  Effect.scoped(Effect.gen(function*() {
    const startedAt = yield* Clock.currentTimeMillis
    const directory = yield* workDirectory
    const programs = yield* preparePrograms
    const disks = {
      server: yield* smallDisk(path.join(directory.path, "server")),
      embedded: yield* smallDisk(path.join(directory.path, "embedded"))
    }
    const keep = () => {
      directory.kept = true
      disks.server?.keep()
      disks.embedded?.keep()
    }
    yield* Effect.addFinalizer((exit) =>
      Effect.sync(() => {
        if (Exit.isFailure(exit) && !Exit.isInterrupted(exit)) keep()
      })
    )
    const proxy = yield* faultyProxy
    const token = randomBytes(16).toString("hex")
    const running = new Soak(options, directory.path, token, programs, proxy, disks)
    let phase: Progress["phase"] = "faults"
    const say = Effect.flatMap(
      Clock.currentTimeMillis,
      (now) => Effect.sync(() => options.onProgress?.(running.progress(phase, now - startedAt)))
    )

    const work = Effect.gen(function*() {
      yield* Effect.forkScoped(running.server)
      yield* running.answering
      const failed = yield* Deferred.make<never, SoakError>()
      const producing = yield* Effect.forEach(producers, (producer) => running.producer(producer), {
        concurrency: "unbounded",
        discard: true
      }).pipe(Effect.tapErrorCause((cause) => Deferred.failCause(failed, cause)), Effect.forkScoped)
      yield* Effect.forkScoped(Effect.repeat(Effect.zipRight(running.look, say), Schedule.spaced("1 second")))
      yield* Effect.raceFirst(running.suffer(yield* makePlan(options.seed, options.millis)), Deferred.await(failed))

      phase = "draining"
      const calmAt = yield* Clock.currentTimeMillis
      running.finish()
      yield* Fiber.join(producing).pipe(Effect.timeoutFail({
        duration: drainPatience,
        onTimeout: () => new SoakError({ message: "the faults are over, and not everything was delivered in time" })
      }))
      const drainMillis = (yield* Clock.currentTimeMillis) - calmAt

      phase = "reading back"
      // What is read is what a new process finds on the disk.
      const accounts = yield* running.audited(yield* running.restartServer)
      yield* running.seats.server.end("SIGTERM", 60_000)
      if (running.seats.server.running !== undefined) yield* running.seats.server.running.ended
      running.checkFiles()
      return { accounts, drainMillis }
    })
    const { accounts, drainMillis } = yield* Effect.mapError(
      Effect.scoped(work),
      ({ message }) => new SoakError({ message: `${message}; data and logs are in ${directory.path}` })
    )
    const differences = [...running.differences, ...accounts.flatMap((account) => account.differences)]
    if (differences.length > 0) keep()
    return {
      seed: options.seed,
      faults: running.faults,
      omitted: running.omitted,
      accounts,
      programs: Object.values(running.seats).map(({ highestResident, role, starts }) => ({
        role,
        starts,
        highestResident
      })),
      connections: proxy.counts(),
      drainMillis,
      differences,
      kept: directory.kept ? directory.path : undefined
    }
  }))
