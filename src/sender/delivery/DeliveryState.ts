import type { TransportState } from "../../telemetry/PipelineStatus.js"

/** Failed attempts on the socket after which batches leave over HTTP. */
export const ATTEMPTS_BEFORE_HTTP = 3

/**
 * How batches leave.
 *
 * - `Connecting`: an attempt on the socket is under way, nothing else
 * - `Socket`: the socket is open and delivers
 * - `Waiting`: until the next attempt on the socket
 * - `HttpWaiting`: HTTP is tried, while a probe keeps trying the socket, each by its own schedule
 * - `Http`: HTTP delivers, while the probe goes on
 * - `Stopped`: a person is needed; tried again once in a while
 * - `Rechecking`: stopped, and being tried again
 *
 * `failures` counts attempts on the socket since it was last healthy.
 */
export type DeliveryState =
  | { readonly _tag: "Connecting"; readonly failures: number }
  | { readonly _tag: "Socket"; readonly failures: number }
  | { readonly _tag: "Waiting"; readonly failures: number }
  | { readonly _tag: "Http"; readonly failures: number }
  | { readonly _tag: "HttpWaiting"; readonly failures: number }
  | { readonly _tag: "Stopped"; readonly message: string }
  | { readonly _tag: "Rechecking"; readonly message: string }

/**
 * What may happen to delivery.
 *
 * - `Welcomed`: a server of ours welcomed us on the socket
 * - `Healthy`: the socket has been open for a healthy period
 * - `PartDelivered`: all that a hello named is acknowledged, and another is said for what it left out
 * - `SocketFailed`: the socket could not be opened, or was lost
 * - `HttpAnswered`: a server of ours answered over HTTP
 * - `HttpFailed`: it did not, but may do so later
 * - `Refused`: what no retry cures
 * - `RetryDue`, `RecheckDue`: a delay has passed
 */
export type DeliveryEvent =
  | { readonly _tag: "Welcomed" }
  | { readonly _tag: "Healthy" }
  | { readonly _tag: "PartDelivered" }
  | { readonly _tag: "SocketFailed" }
  | { readonly _tag: "HttpAnswered" }
  | { readonly _tag: "HttpFailed" }
  | { readonly _tag: "Refused"; readonly message: string }
  | { readonly _tag: "RetryDue" }
  | { readonly _tag: "RecheckDue" }

type Tagged<Tag extends DeliveryState["_tag"]> = Extract<DeliveryState, { readonly _tag: Tag }>

type Row<Tag extends DeliveryState["_tag"]> = {
  readonly [Event in DeliveryEvent["_tag"]]?: (
    state: Tagged<Tag>,
    event: Extract<DeliveryEvent, { readonly _tag: Event }>
  ) => DeliveryState
}

type Table = { readonly [Tag in DeliveryState["_tag"]]: Row<Tag> }

const afterFailure = (failures: number): DeliveryState =>
  failures >= ATTEMPTS_BEFORE_HTTP ? { _tag: "HttpWaiting", failures } : { _tag: "Waiting", failures }

const stopped = (_: DeliveryState, event: { readonly message: string }): DeliveryState => ({
  _tag: "Stopped",
  message: event.message
})

/** Every transition there is. What a row does not name leaves the state as it is. */
export const transitions: Table = {
  Connecting: {
    Welcomed: ({ failures }) => ({ _tag: "Socket", failures }),
    SocketFailed: ({ failures }) => afterFailure(failures + 1),
    Refused: stopped
  },
  Socket: {
    Healthy: () => ({ _tag: "Socket", failures: 0 }),
    PartDelivered: ({ failures }) => ({ _tag: "Socket", failures }),
    SocketFailed: ({ failures }) => afterFailure(failures + 1),
    Refused: stopped
  },
  Waiting: {
    RetryDue: ({ failures }) => ({ _tag: "Connecting", failures })
  },
  Http: {
    Welcomed: ({ failures }) => ({ _tag: "Socket", failures }),
    HttpFailed: ({ failures }) => ({ _tag: "HttpWaiting", failures }),
    Refused: stopped
  },
  HttpWaiting: {
    Welcomed: ({ failures }) => ({ _tag: "Socket", failures }),
    HttpAnswered: ({ failures }) => ({ _tag: "Http", failures }),
    Refused: stopped
  },
  Stopped: {
    RecheckDue: ({ message }) => ({ _tag: "Rechecking", message })
  },
  Rechecking: {
    Welcomed: () => ({ _tag: "Socket", failures: 0 }),
    HttpAnswered: () => ({ _tag: "Http", failures: ATTEMPTS_BEFORE_HTTP }),
    HttpFailed: ({ message }) => ({ _tag: "Stopped", message }),
    Refused: stopped
  }
}

const applyRow = <Tag extends DeliveryState["_tag"]>(
  row: Row<Tag>,
  state: Tagged<Tag>,
  event: DeliveryEvent
): DeliveryState => {
  switch (event._tag) {
    case "Welcomed":
      return row.Welcomed?.(state, event) ?? state
    case "Healthy":
      return row.Healthy?.(state, event) ?? state
    case "PartDelivered":
      return row.PartDelivered?.(state, event) ?? state
    case "SocketFailed":
      return row.SocketFailed?.(state, event) ?? state
    case "HttpAnswered":
      return row.HttpAnswered?.(state, event) ?? state
    case "HttpFailed":
      return row.HttpFailed?.(state, event) ?? state
    case "Refused":
      return row.Refused?.(state, event) ?? state
    case "RetryDue":
      return row.RetryDue?.(state, event) ?? state
    case "RecheckDue":
      return row.RecheckDue?.(state, event) ?? state
  }
}

/** The state after an event. */
export const transition = (state: DeliveryState, event: DeliveryEvent): DeliveryState => {
  switch (state._tag) {
    case "Connecting":
      return applyRow(transitions.Connecting, state, event)
    case "Socket":
      return applyRow(transitions.Socket, state, event)
    case "Waiting":
      return applyRow(transitions.Waiting, state, event)
    case "Http":
      return applyRow(transitions.Http, state, event)
    case "HttpWaiting":
      return applyRow(transitions.HttpWaiting, state, event)
    case "Stopped":
      return applyRow(transitions.Stopped, state, event)
    case "Rechecking":
      return applyRow(transitions.Rechecking, state, event)
  }
}

/** How a transition is called, as in `Http → Stopped (Refused)`. */
export const transitionName = (
  from: DeliveryState["_tag"],
  event: DeliveryEvent["_tag"],
  to: DeliveryState["_tag"]
): string => `${from} → ${to} (${event})`

const counted = (failures: number): ReadonlyArray<DeliveryState> => [
  { _tag: "Connecting", failures },
  { _tag: "Socket", failures },
  { _tag: "Waiting", failures },
  { _tag: "Http", failures },
  { _tag: "HttpWaiting", failures }
]

const everyState: ReadonlyArray<DeliveryState> = [
  ...counted(0),
  ...counted(ATTEMPTS_BEFORE_HTTP - 1),
  { _tag: "Stopped", message: "" },
  { _tag: "Rechecking", message: "" }
]

const everyEvent: ReadonlyArray<DeliveryEvent> = [
  { _tag: "Welcomed" },
  { _tag: "Healthy" },
  { _tag: "PartDelivered" },
  { _tag: "SocketFailed" },
  { _tag: "HttpAnswered" },
  { _tag: "HttpFailed" },
  { _tag: "Refused", message: "" },
  { _tag: "RetryDue" },
  { _tag: "RecheckDue" }
]

/** The names of all transitions there are. */
export const transitionNames: ReadonlyArray<string> = Array.from(
  new Set(everyState.flatMap((from) =>
    everyEvent.flatMap((event) => {
      const to = transition(from, event)
      return to === from ? [] : [transitionName(from._tag, event._tag, to._tag)]
    })
  ))
)

/** How a state shows in the live block, in logs and in `/api/status`. */
export const transportOf = (state: DeliveryState): TransportState => {
  switch (state._tag) {
    case "Connecting":
      return state.failures === 0 ? "connecting" : "waiting"
    case "Socket":
      return "socket"
    case "Http":
      return "http"
    case "Waiting":
    case "HttpWaiting":
      return "waiting"
    case "Stopped":
    case "Rechecking":
      return "stopped"
  }
}
