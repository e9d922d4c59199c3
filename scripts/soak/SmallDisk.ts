import { Effect, type Scope } from "effect"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"

/** A disk of its own for a folder, which can be made full. */
export interface SmallDisk {
  readonly directory: string
  /** Next to nothing is free until the effect ends, after so many ms. */
  readonly fullFor: (millis: number) => Effect.Effect<void>
  readonly isFull: () => boolean
  /** Leaves the files in the folder when the scope closes. */
  readonly keep: () => void
}

/** Room of a disk, bytes. */
const size = 1024 * 1024 * 1024

const mount = (directory: string, options: string): void => {
  execFileSync("mount", ["-t", "tmpfs", "-o", options, "soak", directory], { stdio: "ignore" })
}

// What is written meanwhile makes a size too small: each attempt leaves more room, which is soon written too.
const attempts = 20
const margin = 64 * 1024

const shrink = (directory: string): void => {
  for (let attempt = 0;; attempt++) {
    const { bfree, blocks, bsize } = fs.statfsSync(directory)
    try {
      return mount(directory, `remount,size=${(blocks - bfree) * bsize + attempt * margin}`)
    } catch (error) {
      if (attempt === attempts) throw error
    }
  }
}

/** Mounts a tmpfs on the folder; `undefined` where that is not allowed. */
export const smallDisk = (directory: string): Effect.Effect<SmallDisk | undefined, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        fs.mkdirSync(directory, { recursive: true })
        try {
          mount(directory, `size=${size},mode=700`)
          return { mounted: true, kept: false }
        } catch {
          return { mounted: false, kept: false }
        }
      }),
      (disk) =>
        Effect.sync(() => {
          if (!disk.mounted) return
          const copy = `${directory}.kept`
          if (disk.kept) fs.cpSync(directory, copy, { recursive: true })
          // Lazily: a killed process may hold a file a moment longer.
          execFileSync("umount", ["-l", directory], { stdio: "ignore" })
          if (!disk.kept) return
          fs.rmdirSync(directory)
          fs.renameSync(copy, directory)
        })
    ),
    (disk): SmallDisk | undefined => {
      if (!disk.mounted) return undefined
      let full = 0
      return {
        directory,
        isFull: () => full > 0,
        keep: () => {
          disk.kept = true
        },
        fullFor: (millis) =>
          Effect.acquireUseRelease(
            Effect.sync(() => {
              full++
              shrink(directory)
            }),
            () => Effect.sleep(millis),
            () =>
              Effect.sync(() => {
                full--
                if (full === 0) mount(directory, `remount,size=${size}`)
              })
          )
      }
    }
  )
