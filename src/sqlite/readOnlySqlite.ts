import Sqlite from "better-sqlite3"

/**
 * Another connection to a database that is open already, for reading beside
 * its writer. The caller closes it.
 */
export const readOnlySqlite = (path: string): Sqlite.Database =>
  new Sqlite(path, { readonly: true, fileMustExist: true })
