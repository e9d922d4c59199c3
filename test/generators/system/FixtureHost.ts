import { Effect, type Scope, TestServices } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { type FilesystemSpace, StatFsError } from "../../../src/generators/system/StatFs.js"

/** The recorded host, as two trees: what stands in `second` changed within ten seconds. */
const fixture = fileURLToPath(new URL("fixture", import.meta.url))

/** A host that is nothing but files: what the kernel would write, in a directory of its own. */
export interface FixtureHost {
  readonly procfs: string
  readonly sysfs: string
  readonly root: string
  /** Writes a file in place, as the kernel does: descriptors that are open see it. */
  readonly write: (file: string, text: string) => void
  readonly remove: (file: string) => void
  /** Ten seconds go by on the host. */
  readonly goOn: () => void
  /** Descriptors of this process that are open below the host's directory. */
  readonly openFiles: () => ReadonlyArray<string>
}

const copyInPlace = (from: string, to: string): void => {
  fs.mkdirSync(to, { recursive: true })
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)]
    if (entry.isDirectory()) copyInPlace(source, target)
    else fs.writeFileSync(target, fs.readFileSync(source))
  }
}

/** Sets the recorded host up in a directory that goes with the scope. */
export const makeFixtureHost: Effect.Effect<FixtureHost, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "fixture-host-")))),
  (root) => Effect.sync(() => fs.rmSync(root, { recursive: true, force: true }))
).pipe(Effect.map((root) => {
  copyInPlace(path.join(fixture, "first"), root)
  // The device behind a chip is a link, as in sysfs.
  for (const [chip, device] of [["hwmon0", "coretemp.0"], ["hwmon1", "nvme0"]]) {
    fs.symlinkSync(`../../../${device}`, path.join(root, "sys/class/hwmon", chip, "device"))
  }
  return {
    root,
    procfs: path.join(root, "proc"),
    sysfs: path.join(root, "sys"),
    write: (file, text) => {
      fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
      fs.writeFileSync(path.join(root, file), text)
    },
    remove: (file) => fs.rmSync(path.join(root, file), { recursive: true, force: true }),
    goOn: () => copyInPlace(path.join(fixture, "second"), root),
    openFiles: () =>
      fs.readdirSync("/proc/self/fd").flatMap((descriptor) => {
        try {
          const file = fs.readlinkSync(`/proc/self/fd/${descriptor}`)
          return file.startsWith(root) ? [path.relative(root, file)] : []
        } catch {
          // The descriptor of the listing itself.
          return []
        }
      })
  }
}))

const space = (blocks: number, blocksFree: number, blocksAvailable: number, inodes: number, inodesFree: number) => ({
  blockSize: 4096,
  blocks,
  blocksFree,
  blocksAvailable,
  inodes,
  inodesFree
})

/** What the filesystems of the recorded host answer, by where they are mounted. */
const spaces: { readonly [mountpoint: string]: FilesystemSpace } = {
  "/": space(1_000_000, 400_000, 350_000, 250_000, 200_000),
  "/srv/My Films": space(2_000_000, 100_000, 0, 500_000, 490_000),
  // Network filesystems and ZFS have as many inodes as they like.
  "/mnt/photos": space(8_000_000, 6_000_000, 6_000_000, 0, 0),
  "/backup": space(4_000_000, 1_000_000, 1_000_000, 0, 0)
}

/** A `StatFs` of the recorded host. `asked` is told each path that was asked for, below the host's root. */
export const fixtureStatFs =
  (host: FixtureHost, asked: (mountpoint: string) => void = () => {}) =>
  (file: string): Effect.Effect<FilesystemSpace, StatFsError> =>
    Effect.suspend(() => {
      const mountpoint = path.join("/", path.relative(host.root, file))
      asked(mountpoint)
      const answer = spaces[mountpoint]
      return answer === undefined
        ? Effect.fail(new StatFsError({ path: file, cause: "ENOENT" }))
        : Effect.succeed(answer)
    })

/**
 * Waits, without moving the test's clock, for what really takes a moment: files
 * that are read in the background. Runs `effect` until its result is as wanted.
 */
export const eventually = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  wanted: (value: A) => boolean
): Effect.Effect<A, E, R> =>
  Effect.flatMap(effect, (value) =>
    wanted(value)
      ? Effect.succeed(value)
      : Effect.zipRight(TestServices.provideLive(Effect.sleep("2 millis")), eventually(effect, wanted)))
