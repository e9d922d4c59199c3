import { Command } from "@effect/cli"
import { auditCommand, auditHelp } from "./Audit.js"
import { backupCommand, backupHelp } from "./Backup.js"
import { callable, program } from "./Callable.js"
import { checkCommand, checkHelp } from "./Check.js"
import { exportCommand, exportHelp } from "./Export.js"
import type { CommandHelp } from "./Help.js"
import { importCommand, importHelp } from "./Import.js"
import { outboxCommand, outboxHelp } from "./Outbox.js"
import { queryCommand, queryHelp } from "./Query.js"
import { runCommand, runHelp } from "./Run.js"
import { sendCommand, sendHelp } from "./Send.js"
import { serveCommand, serveHelp } from "./Serve.js"
import { storeCommand, storeHelp } from "./Store.js"
import { tailCommand, tailHelp } from "./Tail.js"
import { topCommand, topHelp } from "./Top.js"
import { upCommand, upHelp } from "./Up.js"

/** The help pages of all commands, in the order in which the overview lists them. */
export const helpPages: ReadonlyArray<CommandHelp> = [
  upHelp,
  runHelp,
  serveHelp,
  sendHelp,
  queryHelp,
  tailHelp,
  topHelp,
  exportHelp,
  importHelp,
  backupHelp,
  storeHelp,
  checkHelp,
  outboxHelp,
  auditHelp
]

/** The tree of all commands, as @effect/cli reads calls by it. */
export const commandTree = Command.make(program).pipe(
  Command.withSubcommands([
    upCommand,
    runCommand,
    serveCommand,
    sendCommand,
    queryCommand,
    tailCommand,
    topCommand,
    exportCommand,
    importCommand,
    backupCommand,
    storeCommand,
    checkCommand,
    outboxCommand,
    auditCommand
  ])
)

/** All commands: for what concerns no single one, as completions, or a word that names none. */
export const everyCommand = callable(helpPages, commandTree)
