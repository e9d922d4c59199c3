import type { Dice } from "./Dice.js"
import type { CommitMoment } from "./SimulatedDisk.js"

/** What may happen to one frame on a socket. */
export type FrameTrouble = "lose" | "lose-answer" | "twice" | "slow" | "foreign" | "foreign-ack"

/** What may happen to one request over HTTP, or what answers it in place of the server. */
export type HttpTrouble =
  | "429"
  | "500"
  | "503"
  | "404"
  | "401"
  | "413"
  | "redirect"
  | "foreign-200"
  | "foreign-409"
  | "reset-before"
  | "reset-after"
  | "silent-before"
  | "silent-after"
  | "twice"

/** How a socket is refused, by the server or by what stands before it. */
export type SocketTrouble = "unreachable" | "503" | "404" | "403" | "401-ours" | "foreign-welcome" | "newer-protocol"

/** When a process dies: at once, so many steps of its fibers later, or in its next commit. */
export type Death = { readonly moment: "now" | CommitMoment } | { readonly moment: "steps"; readonly steps: number }

/** What happens; `at` is when, `lasts` how long, both in ms from the beginning. */
export type Fault =
  & { readonly at: number }
  & (
    | { readonly kind: "refuse-sockets"; readonly lasts: number; readonly how: SocketTrouble }
    | { readonly kind: "black-hole"; readonly lasts: number; readonly way: "socket" | "http" | "both" }
    | { readonly kind: "cut"; readonly code: number; readonly oneSided: boolean }
    | { readonly kind: "frames"; readonly lasts: number; readonly what: FrameTrouble; readonly oneIn: number }
    | { readonly kind: "requests"; readonly lasts: number; readonly what: HttpTrouble; readonly oneIn: number }
    | { readonly kind: "server-dies"; readonly death: Death; readonly downFor: number }
    | { readonly kind: "server-stops"; readonly downFor: number }
    | { readonly kind: "sender-dies"; readonly death: Death; readonly downFor: number; readonly lostPower: boolean }
    | { readonly kind: "sender-stops"; readonly downFor: number }
    | { readonly kind: "disk-full"; readonly lasts: number; readonly host: "server" | "sender" }
    | { readonly kind: "clock-jumps"; readonly by: number; readonly host: "server" | "sender" }
    | { readonly kind: "sender-restored"; readonly copiedAt: number; readonly downFor: number }
    | { readonly kind: "sender-cloned" }
    | { readonly kind: "server-restored"; readonly copiedAt: number; readonly downFor: number }
  )

type Kind = Fault["kind"]

const httpTroubles: ReadonlyArray<HttpTrouble> = [
  "429",
  "500",
  "503",
  "404",
  "401",
  "413",
  "redirect",
  "foreign-200",
  "foreign-409",
  "reset-before",
  "reset-after",
  "silent-before",
  "silent-after",
  "twice"
]

const frameTroubles: ReadonlyArray<FrameTrouble> = ["lose", "lose-answer", "twice", "slow", "foreign", "foreign-ack"]

const socketTroubles: ReadonlyArray<SocketTrouble> = [
  "unreachable",
  "unreachable",
  "503",
  "404",
  "403",
  "401-ours",
  "foreign-welcome",
  "newer-protocol"
]

// Those that are seldom alone say little; these are thrown for more often.
const common: ReadonlyArray<Kind> = [
  "refuse-sockets",
  "black-hole",
  "cut",
  "frames",
  "frames",
  "requests",
  "requests",
  "server-dies",
  "server-stops",
  "sender-dies",
  "sender-stops",
  "disk-full",
  "clock-jumps"
]

const copies: ReadonlyArray<Kind> = ["sender-restored", "sender-cloned", "server-restored"]

const death = (dice: Dice): Death => {
  const moment = dice.pick(["now", "steps", "steps", "before", "after"] as const)
  return moment === "steps" ? { moment, steps: dice.between(1, 400) } : { moment }
}

const make = (dice: Dice, kind: Kind, at: number): Fault => {
  const isRefusal = kind === "refuse-sockets" || kind === "requests"
  // Some refusals outlast the rest after which stopped delivery looks again.
  const lasts = dice.pick([2_000, 10_000, 40_000, isRefusal ? 130_000 : 10_000]) + dice.below(5_000)
  const downFor = dice.pick([50, 1_000, 20_000]) + dice.below(2_000)
  const oneIn = dice.pick([1, 2, 3, 8])
  switch (kind) {
    case "refuse-sockets":
      return { kind, at, lasts, how: dice.pick(socketTroubles) }
    case "black-hole":
      return { kind, at, lasts, way: dice.pick(["socket", "http", "both"]) }
    case "cut":
      return { kind, at, code: dice.pick([1000, 1001, 1006, 4001]), oneSided: dice.chance(0.5) }
    case "frames":
      return { kind, at, lasts, what: dice.pick(frameTroubles), oneIn }
    case "requests":
      return { kind, at, lasts, what: dice.pick(httpTroubles), oneIn }
    case "server-dies":
      return { kind, at, death: death(dice), downFor }
    case "server-stops":
    case "sender-stops":
      return { kind, at, downFor }
    case "sender-dies":
      return { kind, at, death: death(dice), downFor, lostPower: dice.chance(0.3) }
    case "disk-full":
      return { kind, at, lasts, host: dice.pick(["server", "sender"]) }
    case "clock-jumps":
      return {
        kind,
        at,
        by: dice.pick([-86_400_000, -3_600_000, -30_000, -500, 500, 30_000, 3_600_000, 86_400_000]),
        host: dice.pick(["server", "sender"])
      }
    case "sender-restored":
    case "server-restored":
      return { kind, at, copiedAt: dice.below(at), downFor }
    case "sender-cloned":
      return { kind, at }
  }
}

/** When a fault is over, ms from the beginning; what it leaves may take longer. */
export const endOf = (fault: Fault): number =>
  fault.at + ("lasts" in fault ? fault.lasts : "downFor" in fault ? fault.downFor : 0)

/**
 * Throws for a schedule of faults within `lasts` ms. Most schedules have a
 * subject of two or three kinds, so that each of them meets itself and the
 * others often.
 */
export const throwFaults = (dice: Dice, lasts: number): ReadonlyArray<Fault> => {
  const kinds: Array<Kind> = []
  const subjects = dice.between(1, 4)
  for (let i = 0; i < subjects; i++) kinds.push(dice.pick(common))
  if (dice.chance(0.3)) kinds.push(dice.pick(copies))
  const faults: Array<Fault> = []
  const count = dice.between(2, 9)
  for (let i = 0; i < count; i++) faults.push(make(dice, dice.pick(kinds), dice.between(1_000, lasts)))
  // HTTP delivers only where sockets fail.
  if (kinds.includes("requests")) {
    faults.push({ kind: "refuse-sockets", at: dice.below(lasts / 2), lasts: lasts / 2, how: "503" })
  }
  // Refused, and nothing there when it is looked at again.
  if (dice.chance(0.05)) {
    const at = dice.between(1_000, lasts)
    faults.push({ kind: "refuse-sockets", at, lasts: 3_000, how: "401-ours" })
    faults.push({ kind: "cut", at: at + 10, code: 1006, oneSided: false })
    faults.push({ kind: "black-hole", at: at + 3_000, lasts: 100_000, way: "both" })
  }
  // Each start that can deliver nothing leaves a stream behind: more of them than one hello names.
  if (dice.chance(0.2)) {
    const at = dice.between(1_000, lasts)
    const starts = dice.between(1, 4)
    for (let i = 0; i < starts; i++) {
      faults.push({
        kind: "sender-dies",
        at: at + 2_000 + i * dice.between(2_000, 8_000),
        death: death(dice),
        downFor: 50,
        lostPower: dice.chance(0.3)
      })
    }
    faults.push({ kind: "black-hole", at, lasts: 10_000 + starts * 8_000, way: "both" })
  }
  return faults.sort((a, b) => a.at - b.at)
}

/** A fault in words. */
export const describeFault = ({ at, kind, ...rest }: Fault): string =>
  `${(at / 1000).toFixed(3)} s ${kind}` +
  Object.entries(rest).map(([key, value]) => ` ${key}=${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join("")
