import { Effect } from "effect"
import * as fs from "node:fs"
import * as nodePath from "node:path"
import { exposure } from "./exposure.js"
import { type SqliteFileError, sqliteFileError, sqliteReason } from "./SqliteFileError.js"

/**
 * Makes a directory and those above it that are missing, level by level: on
 * Node 20 a recursive `mkdirSync` never ends where the directory above is there
 * and answers ENOENT, as under /proc.
 */
const makeLevels = (directory: string): void => {
  const isThere = (): boolean => fs.existsSync(directory) && fs.statSync(directory).isDirectory()
  if (isThere()) return
  const above = nodePath.dirname(directory)
  if (above !== directory) makeLevels(above)
  try {
    fs.mkdirSync(directory, { mode: 0o700 })
  } catch (cause) {
    // Somebody else may have made it meanwhile.
    if (!isThere()) throw cause
  }
}

/**
 * Makes a directory (mode 0700) where it is missing, and sees that this user
 * may read and write it and that no other may.
 */
export const makeDirectory = (directory: string): Effect.Effect<void, SqliteFileError> =>
  Effect.try({
    try: () => {
      makeLevels(directory)
      fs.accessSync(directory, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK)
      return exposure(directory)
    },
    catch: (cause) => {
      const reason = sqliteReason(cause)
      // A missing directory that cannot be made although nothing is in the way, as under /proc.
      return sqliteFileError(directory, reason === "Failed" ? "Directory" : reason, cause)
    }
  }).pipe(
    Effect.flatMap((problem) =>
      problem === undefined ? Effect.void : Effect.fail(sqliteFileError(directory, "Exposed", new Error(problem)))
    )
  )
