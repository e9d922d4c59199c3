#!/usr/bin/env node
import * as module from "node:module"
import * as v8 from "node:v8"

// V8 marks what is no garbage in the thread whose memory it is: threads that do it meanwhile, most of all for the one
// that reads for queries, keep the one that stores from the processors where these are few. Said before anything is
// loaded, because it must not change while marking goes on.
v8.setFlagsFromString("--no-concurrent-marking")

// Node 22.8 and newer keep what they compiled for the next start.
if ("enableCompileCache" in module && typeof module.enableCompileCache === "function") {
  Reflect.apply(module.enableCompileCache, module, [])
}

const { main } = await import("./Cli.js")
main()
