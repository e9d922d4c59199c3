import { HttpClient, HttpClientError, type HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { Effect, Layer, type Scope } from "effect"
import type { RawData } from "ws"
import { type SocketConnection, SocketConnector, SocketError } from "../../sender/delivery/SocketConnector.js"
import type { ServedSocket } from "../../server/socket/SocketConnection.js"
import { SUBPROTOCOL } from "../../wire/Frames.js"
import type { Dice } from "./Dice.js"
import type { Fault, FrameTrouble, HttpTrouble, SocketTrouble } from "./Fault.js"
import type { SimulatedProcess } from "./SimulatedProcess.js"
import type { Trace } from "./Trace.js"
import type { VirtualTime } from "./VirtualTime.js"

/** An answer to a request. */
export interface SimulatedAnswer {
  readonly status: number
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A server process as the network sees it. */
export interface SimulatedListener {
  readonly process: SimulatedProcess
  readonly accept: (socket: ServedSocket, protocol: string) => void
  readonly post: (contentType: string, body: Buffer, answer: (answer: SimulatedAnswer) => void) => void
}

type MessageListener = (data: RawData, isBinary: boolean) => void

type SignEvent = "ping" | "pong" | "close"

type Subscription =
  | [event: "message", listener: MessageListener]
  | [event: "error", listener: (error: Error) => void]
  | [event: SignEvent, listener: () => void]

const nothing = Buffer.alloc(0)

const open = 1
const closing = 2
const closed = 3

/** The end of a connection that the server holds. */
class ServerEnd implements ServedSocket {
  readonly OPEN = open
  readyState: number = open
  isPaused = false
  readonly bufferedAmount = 0
  private readonly messageListeners: Array<MessageListener> = []
  private readonly listeners: Array<{ readonly event: SignEvent; readonly listener: () => void }> = []
  private backlog: Array<() => void> = []

  constructor(private readonly wire: Wire) {}

  on(event: "message", listener: MessageListener): void
  on(event: "error", listener: (error: Error) => void): void
  on(event: "ping" | "pong" | "error" | "close", listener: () => void): void
  on(...[event, listener]: Subscription): void {
    if (event === "message") this.messageListeners.push(listener)
    // A connection of this network that fails is closed, without an error.
    else if (event !== "error") this.listeners.push({ event, listener })
  }

  emitMessage(frame: string): void {
    for (const listener of this.messageListeners) listener(Buffer.from(frame), false)
  }

  emit(event: SignEvent): void {
    for (const own of this.listeners) if (own.event === event) own.listener()
  }

  /** What came over the wire, in order; waits while reading is paused. */
  take(arrived: () => void): void {
    if (this.isPaused) this.backlog.push(arrived)
    else arrived()
  }

  readonly send = (frame: string, sent: () => void): void => {
    if (this.readyState === open) this.wire.toClient(frame)
    sent()
  }

  readonly ping = (): void => this.wire.pingClient()

  readonly pause = (): void => {
    this.isPaused = true
  }

  readonly resume = (): void => {
    this.isPaused = false
    const waiting = this.backlog
    this.backlog = []
    for (const arrived of waiting) this.take(arrived)
  }

  readonly close = (code: number, reason: string): void => {
    if (this.readyState !== open) return
    this.readyState = closing
    this.wire.closeFromServer(code, reason)
  }

  readonly terminate = (): void => {
    this.wire.cutFromServer()
  }

  /** The connection is gone. */
  end(): void {
    if (this.readyState === closed) return
    this.readyState = closed
    this.backlog = []
    this.emit("close")
  }
}

/** The end of a connection that a sender holds. */
class ClientEnd {
  heard = 0
  private readonly frames: Array<string> = []
  private receiver: ((result: Effect.Effect<string, SocketError>) => void) | undefined
  private ended: SocketError | undefined

  get isOpen(): boolean {
    return this.ended === undefined
  }

  take(frame: string): void {
    if (this.ended !== undefined) return
    this.heard++
    const { receiver } = this
    this.receiver = undefined
    if (receiver === undefined) this.frames.push(frame)
    else receiver(Effect.succeed(frame))
  }

  end(code: number, reason: string): void {
    if (this.ended !== undefined) return
    this.ended = new SocketError({
      reason: "Closed",
      message: `the connection was closed (${code}${reason === "" ? "" : `: ${reason}`})`,
      code
    })
    this.receiver?.(Effect.fail(this.ended))
  }

  readonly receive: Effect.Effect<string, SocketError> = Effect.async((resume) => {
    const next = this.frames.shift()
    if (next !== undefined) return resume(Effect.succeed(next))
    if (this.ended !== undefined) return resume(Effect.fail(this.ended))
    this.receiver = resume
    return Effect.sync(() => {
      this.receiver = undefined
    })
  })
}

/** One connection: both its ends and what lies between. Frames of one direction arrive in order. */
class Wire {
  readonly client = new ClientEnd()
  readonly server: ServerEnd
  /** Nothing arrives any more, and nobody is told. */
  isBroken = false
  private toServerUntil = 0
  private toClientUntil = 0
  private losesAnswer = false

  constructor(
    private readonly network: SimulatedNetwork,
    readonly number: number,
    readonly process: SimulatedProcess
  ) {
    this.server = new ServerEnd(this)
  }

  private travel(toServer: boolean, extra: number, arrive: () => void): void {
    const { time } = this.network
    const at = Math.max(toServer ? this.toServerUntil : this.toClientUntil, time.now + this.network.latency() + extra)
    if (toServer) this.toServerUntil = at
    else this.toClientUntil = at
    time.after(at - time.now, () => {
      if (!this.isBroken) arrive()
    })
  }

  /** Both ends learn that the connection is gone. */
  reset(code = 1006): void {
    this.network.note(`#${this.number} reset ${code}`)
    this.client.end(code, "")
    this.server.end()
    this.network.forget(this)
  }

  toServer(frame: string): void {
    const trouble = this.network.frameTrouble("sender")
    this.network.note(`#${this.number} → ${frame.slice(0, 110)}${trouble === undefined ? "" : ` [${trouble}]`}`)
    if (trouble === "lose-answer") this.losesAnswer = true
    this.travel(true, trouble === "slow" ? this.network.slowness() : 0, () => {
      if (trouble === "lose") return this.reset()
      this.server.take(() => {
        if (this.server.readyState === open) this.server.emitMessage(frame)
      })
    })
  }

  toClient(frame: string): void {
    const trouble = this.losesAnswer ? "lose" : this.network.frameTrouble("server")
    this.network.note(`#${this.number} ← ${frame.slice(0, 110)}${trouble === undefined ? "" : ` [${trouble}]`}`)
    this.network.judge(frame)
    this.travel(false, trouble === "slow" ? this.network.slowness() : 0, () => {
      if (trouble === "lose") return this.reset()
      this.client.take(trouble === "foreign" ? "<html>" : trouble === "foreign-ack" ? foreignAck : frame)
      if (trouble === "twice") this.client.take(frame)
    })
  }

  pingServer(onPong: () => void = () => undefined): void {
    this.travel(true, 0, () =>
      this.server.take(() => {
        this.server.emit("ping")
        this.travel(false, 0, () => {
          this.client.heard++
          onPong()
        })
      }))
  }

  pingClient(): void {
    this.travel(false, 0, () => {
      if (!this.client.isOpen || !this.process.isAlive) return
      this.client.heard++
      this.travel(true, 0, () => this.server.take(() => this.server.emit("pong")))
    })
  }

  closeFromServer(code: number, reason: string): void {
    this.network.note(`#${this.number} closed by the server ${code}`)
    this.travel(false, 0, () => {
      this.client.end(code, reason)
      this.travel(true, 0, () => this.server.end())
    })
  }

  cutFromServer(): void {
    this.network.note(`#${this.number} cut by the server`)
    this.server.end()
    this.travel(false, 0, () => this.reset())
  }

  /** The sender let go of it; `lingers` ms pass until the server knows, and what is on its way still arrives. */
  closeFromClient(lingers: number): void {
    if (!this.client.isOpen) return
    this.network.note(`#${this.number} closed by ${this.process.name}`)
    this.client.end(1000, "")
    this.travel(true, lingers, () =>
      this.server.take(() => {
        this.server.end()
        this.network.forget(this)
      }))
  }

  /** The sender loses it; the server learns of it late. */
  cutClientSide(code: number, lingers: number): void {
    this.network.note(`#${this.number} lost by ${this.process.name} ${code}`)
    this.client.end(code, "")
    this.travel(true, lingers, () => this.reset())
  }
}

const foreignAck = "{\"type\":\"ack\",\"stream\":\"of somebody else\",\"next\":7}"

interface Attempt {
  isWanted: boolean
  wire: Wire | undefined
}

const ofOurs = JSON.stringify({ code: "unauthorized", message: "this server asks for a token" })

const socketRefusals: { readonly [how in SocketTrouble]?: SocketError } = {
  "503": new SocketError({
    reason: "Refused",
    message: "the server refused the WebSocket with HTTP 503",
    status: 503,
    body: "",
    retryAfterMillis: 7_000
  }),
  "404": new SocketError({
    reason: "Refused",
    message: "the server refused the WebSocket with HTTP 404",
    status: 404,
    body: ""
  }),
  "403": new SocketError({
    reason: "Refused",
    message: "the server refused the WebSocket with HTTP 403",
    status: 403,
    body: "<html>"
  }),
  "401-ours": new SocketError({
    reason: "Refused",
    message: "the server refused the WebSocket with HTTP 401",
    status: 401,
    body: ofOurs
  })
}

const unreachable = new SocketError({ reason: "Open", message: "connection refused" })

const foreignWelcomes: { readonly [how in SocketTrouble]?: string } = {
  "foreign-welcome": "220 mail.example.com ESMTP",
  "newer-protocol":
    "{\"type\":\"welcome\",\"protocol\":99,\"store\":\"x\",\"streams\":[],\"window\":8,\"maxBatchBytes\":1048576}"
}

const foreignAnswers: { readonly [trouble in HttpTrouble]?: SimulatedAnswer } = {
  "429": { status: 429, body: "", headers: { "retry-after": "9" } },
  "500": { status: 500, body: "" },
  "503": { status: 503, body: "", headers: { "retry-after": "3" } },
  "404": { status: 404, body: "<html>" },
  "401": { status: 401, body: ofOurs },
  "413": { status: 413, body: "" },
  "redirect": { status: 302, body: "", headers: { location: "https://login.example.com" } },
  "foreign-200": { status: 200, body: "<html>welcome to the hotel</html>" },
  "foreign-409": { status: 409, body: "{\"error\":\"conflict\"}" }
}

// What a server of ours says only to a sender that breaks the protocol.
const accusations = /"code":"(?:unknown-series|bad-frame|protocol|too-large|too-many-series|stream-owned)"/

/** A network between senders and one server, whose troubles are those faults that are active. */
export class SimulatedNetwork {
  private readonly wires = new Set<Wire>()
  private readonly waiting = new Set<{ readonly process: SimulatedProcess; readonly lose: () => void }>()
  private readonly troubles = new Set<Fault>()
  private listener: SimulatedListener | undefined
  private count = 0

  constructor(
    readonly time: VirtualTime,
    private readonly dice: Dice,
    private readonly trace: Trace,
    /** Told when the server says that a sender breaks the protocol. */
    private readonly onAccusation: (text: string) => void
  ) {}

  note(text: string): void {
    this.trace.note(text)
  }

  latency(): number {
    return this.dice.between(1, 40)
  }

  slowness(): number {
    return this.dice.pick([500, 5_000, 20_000, 40_000])
  }

  judge(text: string): void {
    if (accusations.test(text)) this.onAccusation(text)
  }

  /** A fault begins to act on the network. */
  begin(fault: Fault): void {
    this.troubles.add(fault)
    if (fault.kind === "black-hole" && fault.way !== "http") { for (const wire of this.wires) wire.isBroken = true }
  }

  end(fault: Fault): void {
    this.troubles.delete(fault)
  }

  /** Cuts every connection. */
  cut(code: number, oneSided: boolean): void {
    for (const wire of Array.from(this.wires)) {
      if (oneSided) wire.cutClientSide(code, this.dice.pick([100, 8_000, 60_000]))
      else wire.reset(code)
    }
  }

  /** Whether a frame from this side meets trouble. */
  frameTrouble(from: "sender" | "server"): FrameTrouble | undefined {
    for (const fault of this.troubles) {
      if (fault.kind !== "frames") continue
      const { oneIn, what } = fault
      const concerns = from === "server"
        ? what !== "lose-answer"
        : what === "lose" || what === "lose-answer" || what === "slow"
      if (concerns && this.dice.below(2 * oneIn) === 0) return what
    }
    return undefined
  }

  private requestTrouble(): HttpTrouble | undefined {
    for (const fault of this.troubles) {
      if (fault.kind === "requests" && this.dice.below(fault.oneIn) === 0) return fault.what
    }
    return undefined
  }

  private socketTrouble(): SocketTrouble | undefined {
    for (const fault of this.troubles) if (fault.kind === "refuse-sockets") return fault.how
    return undefined
  }

  private isBlackHole(way: "socket" | "http"): boolean {
    for (const fault of this.troubles) {
      if (fault.kind === "black-hole" && (fault.way === way || fault.way === "both")) return true
    }
    return false
  }

  /** A server begins to listen, or nobody does. */
  listen(listener: SimulatedListener | undefined): void {
    this.listener = listener
  }

  forget(wire: Wire): void {
    this.wires.delete(wire)
  }

  /** A process is gone: most of its peers learn of it, some never. */
  processEnded(process: SimulatedProcess): void {
    const isServer = this.listener?.process === process
    if (isServer) this.listener = undefined
    for (const wire of Array.from(this.wires)) {
      if (!isServer && wire.process !== process) continue
      const isSilent = this.dice.chance(0.25)
      if (isServer) {
        if (isSilent) wire.isBroken = true
        else this.time.after(this.latency(), () => wire.client.end(1006, ""))
        wire.server.readyState = closed
        this.wires.delete(wire)
      } else wire.cutClientSide(1006, isSilent ? 60_000 : this.latency())
    }
    if (isServer) {
      for (const request of Array.from(this.waiting)) this.time.after(this.latency(), request.lose)
      this.waiting.clear()
    }
  }

  /** The network as a process sees it. */
  layer(process: SimulatedProcess): Layer.Layer<SocketConnector | HttpClient.HttpClient> {
    return Layer.merge(
      Layer.succeed(SocketConnector, { connect: () => this.connect(process) }),
      Layer.succeed(HttpClient.HttpClient, HttpClient.make((request) => this.post(process, request)))
    )
  }

  private connect(process: SimulatedProcess): Effect.Effect<SocketConnection, SocketError, Scope.Scope> {
    return Effect.gen(this, function*() {
      const attempt: Attempt = { isWanted: true, wire: undefined }
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          attempt.isWanted = false
          attempt.wire?.closeFromClient(this.dice.chance(0.3) ? this.slowness() : 0)
        })
      )
      const wire = yield* this.handshake(process, attempt)
      return {
        send: (frame) =>
          Effect.suspend(() => {
            if (!wire.client.isOpen) {
              return Effect.fail(new SocketError({ reason: "Write", message: "the connection is not open" }))
            }
            if (process.isAlive) wire.toServer(frame)
            return Effect.yieldNow()
          }),
        receive: wire.client.receive,
        roundTrip: Effect.async((resume) => {
          if (process.isAlive) wire.pingServer(() => resume(Effect.void))
        }),
        ping: Effect.sync(() => {
          if (process.isAlive) wire.pingServer()
        }),
        heard: Effect.sync(() => wire.client.heard),
        paused: Effect.succeed(false)
      }
    })
  }

  private handshake(process: SimulatedProcess, attempt: Attempt): Effect.Effect<Wire, SocketError> {
    return Effect.async((resume) => {
      if (!process.isAlive || this.isBlackHole("socket")) return
      const trouble = this.socketTrouble()
      this.time.after(this.latency(), () => {
        if (!attempt.isWanted) return
        const refusal = trouble === undefined ? undefined : socketRefusals[trouble]
        const { listener } = this
        if (refusal !== undefined || trouble === "unreachable" || listener === undefined) {
          this.note(`${process.name} cannot connect (${trouble ?? "nobody listens"})`)
          return resume(Effect.fail(refusal ?? unreachable))
        }
        const wire = new Wire(this, ++this.count, process)
        attempt.wire = wire
        this.note(`#${wire.number} opened by ${process.name}`)
        const foreign = trouble === undefined ? undefined : foreignWelcomes[trouble]
        if (foreign === undefined) {
          this.wires.add(wire)
          listener.accept(wire.server, SUBPROTOCOL)
        } else wire.client.take(foreign)
        resume(Effect.succeed(wire))
      })
    })
  }

  private post(
    process: SimulatedProcess,
    request: HttpClientRequest.HttpClientRequest
  ): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> {
    return Effect.async((resume) => {
      if (!process.isAlive || this.isBlackHole("http")) return
      const body = request.body._tag === "Uint8Array" ? Buffer.from(request.body.body) : nothing
      const contentType = request.body._tag === "Uint8Array" ? request.body.contentType : ""
      const trouble = this.requestTrouble()
      this.note(
        `POST by ${process.name} ${body.toString("utf8", 0, 110)}${trouble === undefined ? "" : ` [${trouble}]`}`
      )
      const lost = () =>
        resume(Effect.fail(
          new HttpClientError.RequestError({ request, reason: "Transport", description: "connection reset" })
        ))
      const give = ({ body, headers, status }: SimulatedAnswer): void =>
        resume(
          Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(body, { status, headers: headers ?? {} })))
        )
      const inPlace = trouble === undefined ? undefined : foreignAnswers[trouble]
      if (inPlace !== undefined) {
        this.time.after(this.latency(), () => give(inPlace))
        return
      }
      if (trouble === "silent-before") return
      const waiting = { process, lose: lost }
      const deliver = (answered: (answer: SimulatedAnswer) => void): void => {
        const { listener } = this
        if (listener === undefined) return lost()
        this.waiting.add(waiting)
        listener.post(contentType, body, (answer) => {
          this.waiting.delete(waiting)
          if (!listener.process.isAlive) return
          this.note(`POST answered ${answer.status} ${answer.body.slice(0, 110)}`)
          if (answer.status === 400) this.onAccusation(answer.body)
          answered(answer)
        })
      }
      this.time.after(this.latency(), () => {
        if (trouble === "reset-before") return lost()
        deliver((answer) => {
          if (trouble === "silent-after") return
          this.time.after(this.latency(), () => trouble === "reset-after" ? lost() : give(answer))
        })
        // Something on the way sends it again, late.
        if (trouble === "twice") this.time.after(this.dice.pick([5, 3_000, 25_000]), () => deliver(() => {}))
      })
    })
  }
}
