#!/usr/bin/env node
import * as module from "node:module"

// Node 22.8 and newer keep what they compiled for the next start.
if ("enableCompileCache" in module && typeof module.enableCompileCache === "function") {
  Reflect.apply(module.enableCompileCache, module, [])
}

const { main } = await import("./Cli.js")
main()
