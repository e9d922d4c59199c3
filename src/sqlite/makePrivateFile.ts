import * as fs from "node:fs"

/**
 * Makes an empty file that this user alone may read and write, whatever the
 * umask says, where there is none. SQLite takes an empty file for a new
 * database, and gives its journals the mode of the database.
 */
export const makePrivateFile = (path: string): void => {
  // One that is there must not even be opened: on closing it, the locks that
  // this process holds on it would be gone.
  if (!fs.existsSync(path)) fs.closeSync(fs.openSync(path, "ax", 0o600))
}
