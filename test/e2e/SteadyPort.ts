import { Effect, Random } from "effect"
import * as net from "node:net"

const isFree = (port: number): Effect.Effect<boolean> =>
  Effect.async((resume) => {
    const server = net.createServer()
    server.on("error", () => resume(Effect.succeed(false)))
    server.listen(port, "127.0.0.1", () => server.close(() => resume(Effect.succeed(true))))
  })

/**
 * A port on which nobody listens, for servers that go and come back, or never come. It lies below those that systems
 * hand out by themselves (from 32,768 or 49,152 on), so that no other program gets it while its server is away.
 */
export const steadyPort: Effect.Effect<number> = Effect.repeat(
  Effect.flatMap(Random.nextIntBetween(20_000, 32_000), (port) => Effect.map(isFree(port), (free) => ({ free, port }))),
  { until: ({ free }) => free }
).pipe(Effect.map(({ port }) => port))
