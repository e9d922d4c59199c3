/**
 * What a metric costs while one thing grows: how many are sent, senders, series,
 * generators, what waits in the outbox. Then a thousand senders at a steady pace:
 * how long from accepted to acknowledged, and whether all is stored.
 *
 *     npm run bench:growth -- [--quick] [--only NAME]... [--results FILE] [--write]
 *
 * `--quick` takes a tenth of the metrics; `--only` names an axis or one step of
 * it (`--help` lists them); `--results` keeps what was measured in a file and
 * reads what it holds, so that steps can be measured one at a time; `--write`
 * puts tables into docs/benchmarks.md and charts into docs/images. The code is
 * bundled as the executable is.
 */
import { Effect } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { provenance, writeSection } from "./BenchmarksPage.js"
import { bundle } from "./Bundle.js"
import { axes, type GrowthBench, measureThousand, programs, thousandName } from "./growth/Axes.js"
import { chartOf, growthSection, stepName } from "./growth/GrowthPage.js"
import { ResultsFile } from "./ResultsFile.js"
import { wrapProse } from "./wrapProse.js"

const { values } = parseArgs({
  options: {
    help: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    quick: { type: "boolean", default: false },
    results: { type: "string" },
    write: { type: "boolean", default: false }
  }
})

interface Step {
  readonly name: string
  readonly group: string
  readonly measure: (bench: GrowthBench) => ReturnType<typeof axes[number]["measure"]>
}

const steps: ReadonlyArray<Step> = [
  ...axes.flatMap((axis) =>
    axis.steps.map(({ at }) => ({
      name: stepName(axis, at),
      group: axis.name,
      measure: (bench: GrowthBench) => axis.measure(bench, at)
    }))
  ),
  { name: thousandName, group: thousandName, measure: measureThousand }
]

const groups = Array.from(new Set(steps.map(({ group }) => group)))

if (values.help) {
  console.log(`npm run bench:growth -- [--quick] [--only NAME]... [--results FILE] [--write]

--only takes ${groups.join(", ")}, or one step:

${
    groups.map((group) => `  ${steps.filter((step) => step.group === group).map(({ name }) => name).join(" ")}`).join(
      "\n"
    )
  }`)
  process.exit()
}

const isNamed = (only: string) => ({ group, name }: Step): boolean => only === group || only === name
const unknown = values.only.filter((only) => !steps.some(isNamed(only)))
if (unknown.length > 0) throw new Error(`--only ${unknown.join(", ")}: no axis or step; --help lists them`)

const measuredBy = provenance(`npm run bench:growth${values.quick ? " -- --quick" : ""}`)
const results = new ResultsFile(values.results)
const files = await bundle(programs)

const bench: GrowthBench = {
  scale: values.quick ? 0.1 : 1,
  folder: Effect.acquireRelease(
    Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "bench-growth-"))),
    (made) => Effect.sync(() => fs.rmSync(made, { recursive: true, force: true }))
  ),
  program: (name) => files[programs.indexOf(name)]
}

await Effect.runPromise(Effect.forEach(
  steps.filter((step) => values.only.length === 0 || values.only.some((only) => isNamed(only)(step))),
  (step) =>
    Effect.gen(function*() {
      process.stderr.write(`${step.name}\n`)
      const measured = yield* Effect.scoped(step.measure(bench))
      results.set(step.name, { provenance: measuredBy, values: measured })
      process.stderr.write(`  ${JSON.stringify(measured)}\n`)
    }),
  { discard: true }
))

const section = wrapProse(growthSection(results))
process.stdout.write(`\n${section}\n`)
if (values.write) {
  const images = fileURLToPath(new URL("../docs/images/", import.meta.url))
  for (const axis of axes) {
    const chart = chartOf(axis, results)
    if (chart !== undefined) fs.writeFileSync(path.join(images, `growth-${axis.name}.svg`), chart)
  }
  writeSection("bench:growth", section)
}
