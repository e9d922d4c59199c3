import * as fs from "node:fs"
import { Session } from "node:inspector"
import * as path from "node:path"

// Loaded into a program before its first line (`node --import`): at SIGUSR2 it begins a profile of the program's main
// thread, at the next it writes it into the folder in `PROFILE_DIR`, under the name of the script. Unlike `--cpu-prof`
// it leaves the start of the program out.

const { PROFILE_DIR } = process.env
const name = path.basename(process.argv[1] ?? "", ".mjs")

// Microseconds: a collector of a host is busy for 2 ms of a second.
const interval = 100

if (PROFILE_DIR !== undefined) {
  const session = new Session()
  let recording = false
  session.connect()
  session.post("Profiler.enable")
  session.post("Profiler.setSamplingInterval", { interval })
  process.on("SIGUSR2", () => {
    if (!recording) {
      recording = true
      session.post("Profiler.start")
      return
    }
    recording = false
    session.post("Profiler.stop", (error, { profile }) => {
      if (error !== null) throw error
      // Whole at once for whoever waits for it.
      fs.writeFileSync(path.join(PROFILE_DIR, `${name}.part`), JSON.stringify(profile))
      fs.renameSync(path.join(PROFILE_DIR, `${name}.part`), path.join(PROFILE_DIR, `${name}.cpuprofile`))
    })
  })
  fs.writeFileSync(path.join(PROFILE_DIR, `${name}.pid`), String(process.pid))
}
