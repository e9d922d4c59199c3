import * as fs from "node:fs"

const mayBeTrusted = (owner: number): boolean => {
  const own = process.geteuid?.()
  return own === undefined || owner === own || owner === 0
}

/**
 * Says by whom else than this user (and the administrator) a file or directory
 * could be changed or replaced, or `undefined` when by nobody. Missing ones
 * are nobody's. As OpenSSH and PostgreSQL do, what everybody may write to is
 * not taken; a directory with the sticky bit is, because there each keeps his
 * own files. The administrator may use what is another user's, but follows
 * nobody else's links.
 */
export const exposure = (path: string): string | undefined => {
  const link = fs.lstatSync(path, { throwIfNoEntry: false })
  if (link === undefined) return undefined
  if (link.isSymbolicLink() && !mayBeTrusted(link.uid)) return `it is a link that the user ${link.uid} made`
  const target = fs.statSync(path, { throwIfNoEntry: false })
  if (target === undefined) return undefined
  if (process.geteuid?.() !== 0 && !mayBeTrusted(target.uid)) return `it belongs to the user ${target.uid}`
  // Windows keeps rights elsewhere, and shows modes that say nothing.
  const isOpen = process.platform !== "win32" && (target.mode & 0o002) !== 0 &&
    !(target.isDirectory() && (target.mode & 0o1000) !== 0)
  return isOpen ? `everybody may write to it: mode ${(target.mode & 0o7777).toString(8).padStart(4, "0")}` : undefined
}
