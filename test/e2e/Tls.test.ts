import { describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import * as assert from "node:assert/strict"
import { generateKeyPairSync } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { directory, eventually, type Program, type ProgramError, run, start } from "./Program.js"

const pem = (name: string): string => fileURLToPath(new URL(`../server/tls/${name}.pem`, import.meta.url))

const cert = pem("cert")
const key = pem("key")

/** A certificate that signed nothing here. */
const otherCertificate = `-----BEGIN CERTIFICATE-----
MIIBdzCCAR2gAwIBAgIUGO1QIihITIez/rjsuVkqKQazBwUwCgYIKoZIzj0EAwIw
EDEOMAwGA1UEAwwFb3RoZXIwIBcNMjYxMTI1MTEzNTQxWhgPMjEyNTA2MTkxMTM1
NDFaMBAxDjAMBgNVBAMMBW90aGVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
hi4jpCCRZD8/cJ5m/Ogj18Xszw4n5g8dyh+d+dzY1ze60PyG/JJyH4rmc4oIC/HH
8KLqE5NECvOshNfQbtiFJaNTMFEwHQYDVR0OBBYEFI2nAa1DJypymXk84cD1iVSJ
HMG+MB8GA1UdIwQYMBaAFI2nAa1DJypymXk84cD1iVSJHMG+MA8GA1UdEwEB/wQF
MAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgRkqPMVhKbBX8SgM5iExU8eoTSQecnTVP
MfJs+QdMoqECIQDuSRD6+umf4HYcYubR2d3UL7v1ji1CkjTnE5rGpwb/0g==
-----END CERTIFICATE-----
`

const otherPrivateKey = (): string =>
  generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }).toString()

/** A server over TLS on a free port, with the certificate of localhost that signed itself. */
const secureServer = (
  cwd: string,
  [certFile, keyFile]: readonly [cert: string, key: string] = [cert, key]
): Effect.Effect<{ readonly program: Program; readonly url: string }, ProgramError, Scope.Scope> =>
  Effect.gen(function*() {
    fs.mkdirSync(cwd, { recursive: true })
    const tls = ["--tls-cert", certFile, "--tls-key", keyFile]
    const words = ["serve", "--port", "0", "--data-dir", path.join(cwd, "server"), ...tls]
    const program = yield* start(words, { cwd })
    const url = yield* program.says(/listening on (https:\/\/[\w.:[\]]+)/)
    return { program, url }
  })

describe("over TLS", () => {
  it.scopedLive("send, query, tail and check trust the authority of --ca-file", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { url } = yield* secureServer(cwd)
      const trust = ["--ca-file", cert]
      const tail = yield* start(["tail", "--server", url, ...trust], { cwd })
      const sent = yield* run(["send", "a", "b", "42", "--endpoint", url, ...trust], { cwd })
      assert.equal(sent.code, 0, sent.stderr)
      assert.match((yield* run(["query", "b", "--server", url, ...trust], { cwd })).stdout, /42/)
      const check = yield* run(["check", "--endpoint", url, ...trust, "--data-dir", cwd], { cwd })
      assert.equal(check.code, 0, check.stdout)
      assert.match(check.stdout, /wss:/)
      // Until it listens, what is sent is not for it.
      yield* eventually(
        Effect.zipRight(
          run(["send", "a", "b", "43", "--endpoint", url, ...trust], { cwd }),
          Effect.timeout(tail.says(/b {2}43/), "1 second")
        )
      )
    }))

  it.scopedLive("a server whose authority is not trusted is refused, and the message says what to do", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { url } = yield* secureServer(cwd)
      const other = path.join(cwd, "other.pem")
      fs.writeFileSync(other, otherCertificate)
      for (const trust of [[], ["--ca-file", other]]) {
        const sent = yield* run(["send", "a", "b", "1", "--endpoint", url, "--timeout", "4s", ...trust], { cwd })
        assert.equal(sent.code, 1)
        assert.match(sent.stderr, /certificate is not trusted.*--ca-file/)
        const asked = yield* run(["query", "b", "--server", url, ...trust], { cwd })
        assert.equal(asked.code, 1)
        assert.match(asked.stderr, /certificate is not trusted.*--ca-file/)
      }
    }))

  it.scopedLive("a certificate that has expired, or is of another host, is refused though its authority is trusted", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      for (const [name, problem] of [["expired", /expired/], ["elsewhere", /elsewhere\.example|altnames/]] as const) {
        const trusted = pem(`${name}-cert`)
        const { url } = yield* secureServer(path.join(cwd, name), [trusted, pem(`${name}-key`)])
        const trust = ["--ca-file", trusted]
        const sent = yield* run(["send", "a", "b", "1", "--endpoint", url, "--timeout", "4s", ...trust], { cwd })
        assert.equal(sent.code, 1)
        assert.match(sent.stderr, /certificate does not hold.*correct the host name of the address, or the certificate/)
        assert.match(sent.stderr, problem)
        const asked = yield* run(["query", "b", "--server", url, ...trust], { cwd })
        assert.equal(asked.code, 1)
        assert.match(asked.stderr, /certificate does not hold/)
      }
    }))

  it.scopedLive("who speaks plain HTTP to it gets nothing, and the log says why", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const { program, url } = yield* secureServer(cwd)
      const plain = url.replace("https", "http")
      assert.equal((yield* run(["query", "b", "--server", plain], { cwd })).code, 1)
      yield* program.says(/A TLS handshake failed: .*http request/)
    }))

  it.scopedLive("files that are missing, wrong or do not belong together are a misuse", () =>
    Effect.gen(function*() {
      const cwd = yield* directory
      const otherKey = path.join(cwd, "other-key.pem")
      fs.writeFileSync(otherKey, otherPrivateKey())
      const cases: ReadonlyArray<readonly [words: ReadonlyArray<string>, message: RegExp]> = [
        [["serve", "--tls-cert", cert], /--tls-cert and --tls-key go together/],
        [["serve", "--tls-cert", "missing.pem", "--tls-key", key], /--tls-cert missing\.pem/],
        [["serve", "--tls-cert", key, "--tls-key", key], /--tls-cert .*no certificate/],
        [["serve", "--tls-cert", cert, "--tls-key", cert], /--tls-key .*no private key/],
        [["serve", "--tls-cert", cert, "--tls-key", otherKey], /is not the key of the certificate/],
        [["send", "a", "b", "1", "--ca-file", "missing.pem"], /--ca-file missing\.pem/],
        [["query", "b", "--ca-file", key], /--ca-file .*no certificate/]
      ]
      for (const [words, message] of cases) {
        const ended = yield* run([...words], { cwd })
        assert.equal(ended.code, 2, `${words.join(" ")}: ${ended.stderr}`)
        assert.match(ended.stderr, message)
      }
    }))
})
