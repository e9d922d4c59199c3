import { Command } from "@effect/cli"
import { misuse } from "./CliFailure.js"
import { type CommandHelp, groupHelp } from "./Help.js"
import { storeStatsCommand, storeStatsHelp } from "./store/StoreStats.js"
import { storeVacuumCommand, storeVacuumHelp } from "./store/StoreVacuum.js"

/** `store`: looks after a server's file. */
export const storeCommand = Command.make(
  "store",
  {},
  () => misuse("store needs one of stats and vacuum; see store --help")
).pipe(Command.withSubcommands([storeStatsCommand, storeVacuumCommand]))

/** Help of `store`. */
export const storeHelp: CommandHelp = groupHelp([storeStatsHelp, storeVacuumHelp], {
  name: "store",
  usage: "stats|vacuum [options]",
  summary: "Look after the file of a server: what fills it, and its free space",
  examples: [
    ["store stats", "series, points, bytes, and which metric types use them"],
    ["store vacuum", "give free space back, while no server runs"]
  ]
})
