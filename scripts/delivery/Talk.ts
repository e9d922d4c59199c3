import { channel } from "node:diagnostics_channel"
import { Socket } from "node:net"

// How a process that is measured talks with the one that started it.

/** What was measured, by name. */
export type Measured = Readonly<Record<string, number | string>>

/** Tells the starting process something. */
export const tell = (measured: Measured): void => {
  process.send?.(measured)
}

/** Answers every word of the starting process with what was measured; ends at the word `end`. */
export const answerWords = (answer: (word: string, count: number) => Promise<Measured>): void => {
  process.on("message", (message) => {
    const [word, count] = String(message).split(" ")
    if (word === "end") process.exit()
    answer(word, Number(count)).then(tell).catch((error: unknown) => {
      process.stderr.write(`${String(error)}\n`)
      process.exit(1)
    })
  })
}

/** Processor time of this process so far, all its threads, s. */
export const cpuSeconds = (): number => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1e6
}

/** Resident memory, MB. */
export const rss = (): number => process.memoryUsage.rss() / 2 ** 20

const accepted: Array<Socket> = []
channel("net.server.socket").subscribe((message) => {
  if (typeof message !== "object" || message === null || !("socket" in message)) return
  if (message.socket instanceof Socket) accepted.push(message.socket)
})

/** Bytes that the servers of this process received so far, headers and frames included. */
export const bytesReceived = (): number => accepted.reduce((bytes, { bytesRead }) => bytes + bytesRead, 0)
