/**
 * Takes the pictures of the documentation: `npm run pictures`, after `npm run
 * build`. Runs the built command with a data directory of its own for a minute
 * and photographs the dashboard in Chromium (`CHROMIUM_PATH`, else
 * /usr/bin/chromium).
 */
import { spawn } from "node:child_process"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { chromium } from "playwright-core"

const root = fileURLToPath(new URL("..", import.meta.url))
const target = path.join(root, "docs/images")
const port = 5099
const url = `http://127.0.0.1:${port}`

const pictures = [
  { name: "overview", page: "/", scheme: "light" },
  { name: "overview-dark", page: "/", scheme: "dark" },
  { name: "explore", page: "/#/explore?m=system/cpu_core_percent&m=system/load_1m&range=300", scheme: "light" },
  { name: "pipeline", page: "/#/pipeline", scheme: "light" }
] as const

const dataDir = await fs.mkdtemp(path.join(os.tmpdir(), "metrics-pictures-"))
const up = spawn(
  process.execPath,
  [path.join(root, "dist/bin.js"), "up", "--port", String(port), "--data-dir", dataDir, "--hostname", "web-1"],
  { stdio: "ignore" }
)
try {
  await sleep(60_000)
  await fs.mkdir(target, { recursive: true })
  const browser = await chromium.launch({
    executablePath: process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"]
  })
  for (const { name, page, scheme } of pictures) {
    const tab = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: scheme })
    await tab.goto(url + page)
    await sleep(4_000)
    await tab.screenshot({ path: path.join(target, `${name}.png`) })
    await tab.close()
    console.log(`docs/images/${name}.png`)
  }
  await browser.close()
} finally {
  up.kill("SIGTERM")
  await fs.rm(dataDir, { recursive: true, force: true })
}
