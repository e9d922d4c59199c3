import { auditHelp } from "./Audit.js"
import { backupHelp } from "./Backup.js"
import { checkHelp } from "./Check.js"
import { exportHelp } from "./Export.js"
import { importHelp } from "./Import.js"
import { outboxHelp } from "./Outbox.js"
import { queryHelp } from "./Query.js"
import { runHelp } from "./Run.js"
import { sendHelp } from "./Send.js"
import { serveHelp } from "./Serve.js"
import { storeHelp } from "./Store.js"
import { tailHelp } from "./Tail.js"
import { topHelp } from "./Top.js"
import { upHelp } from "./Up.js"
import type { CommandHelp } from "./Help.js"

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
