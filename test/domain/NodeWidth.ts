import * as readline from "node:readline"
import { Writable } from "node:stream"

/**
 * Columns that Node's own line editor counts for a text: another view of
 * what `DisplayWidth` counts, from the tables of ICU.
 */
export const nodeWidth = (text: string): number => {
  const output = Object.assign(new Writable({ write: (_chunk, _encoding, done) => done() }), { columns: 1_000_000 })
  const editor = readline.createInterface({ input: process.stdin, output, terminal: false, prompt: text })
  const { cols } = editor.getCursorPos()
  editor.close()
  return cols
}
