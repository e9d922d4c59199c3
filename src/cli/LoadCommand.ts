import { Effect } from "effect"
import { single } from "./Callable.js"

// A command is loaded when it is called: what the others need costs a program
// that runs for months memory, and each call time.
const commands = {
  up: () => import("./Up.js").then(({ upCommand, upHelp }) => single(upHelp, upCommand)),
  run: () => import("./Run.js").then(({ runCommand, runHelp }) => single(runHelp, runCommand)),
  serve: () => import("./Serve.js").then(({ serveCommand, serveHelp }) => single(serveHelp, serveCommand)),
  send: () => import("./Send.js").then(({ sendCommand, sendHelp }) => single(sendHelp, sendCommand)),
  query: () => import("./Query.js").then(({ queryCommand, queryHelp }) => single(queryHelp, queryCommand)),
  tail: () => import("./Tail.js").then(({ tailCommand, tailHelp }) => single(tailHelp, tailCommand)),
  top: () => import("./Top.js").then(({ topCommand, topHelp }) => single(topHelp, topCommand)),
  export: () => import("./Export.js").then(({ exportCommand, exportHelp }) => single(exportHelp, exportCommand)),
  import: () => import("./Import.js").then(({ importCommand, importHelp }) => single(importHelp, importCommand)),
  backup: () => import("./Backup.js").then(({ backupCommand, backupHelp }) => single(backupHelp, backupCommand)),
  store: () => import("./Store.js").then(({ storeCommand, storeHelp }) => single(storeHelp, storeCommand)),
  check: () => import("./Check.js").then(({ checkCommand, checkHelp }) => single(checkHelp, checkCommand)),
  outbox: () => import("./Outbox.js").then(({ outboxCommand, outboxHelp }) => single(outboxHelp, outboxCommand)),
  audit: () => import("./Audit.js").then(({ auditCommand, auditHelp }) => single(auditHelp, auditCommand))
}

/** The names of the commands that can be loaded alone. */
export const commandNames: ReadonlyArray<string> = Object.keys(commands)

const isName = (word: string | undefined): word is keyof typeof commands =>
  word !== undefined && Object.hasOwn(commands, word)

/** The command that the first word of a call names; all of them where it names none. */
export const loadCommand = (word: string | undefined) =>
  Effect.promise(() =>
    isName(word) ? commands[word]() : import("./Commands.js").then(({ everyCommand }) => everyCommand)
  )
