import { Stream } from "effect"

/** One server-sent event: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export interface ServerSentEvent {
  /** `message` where the server gave no name. */
  readonly event: string
  readonly data: string
}

interface Parsing {
  readonly event: string
  readonly data: ReadonlyArray<string>
}

const empty: Parsing = { event: "message", data: [] }

const valueOf = (line: string, name: string): string => {
  const value = line.slice(name.length + 1)
  return value.startsWith(" ") ? value.slice(1) : value
}

/** Reads the bytes of an event stream. Comments and retry hints are left out. */
export const parseEvents = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<ServerSentEvent, E, R> =>
  bytes.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.mapAccum(empty, (parsing, line): readonly [Parsing, ServerSentEvent | undefined] => {
      if (line === "") {
        return [empty, parsing.data.length === 0 ? undefined : { event: parsing.event, data: parsing.data.join("\n") }]
      }
      if (line.startsWith("event:")) return [{ ...parsing, event: valueOf(line, "event") }, undefined]
      if (line.startsWith("data:")) return [{ ...parsing, data: [...parsing.data, valueOf(line, "data")] }, undefined]
      return [parsing, undefined]
    }),
    Stream.filter((event) => event !== undefined)
  )
