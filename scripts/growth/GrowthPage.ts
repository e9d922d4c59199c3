import { show } from "../BenchmarksPage.js"
import type { ResultsFile } from "../ResultsFile.js"
import { axes, type Axis, type StepValues, thousandName } from "./Axes.js"
import { logChart } from "./LogChart.js"

/** The name of a step in the results. */
export const stepName = (axis: Axis, at: number): string => `${axis.name}-${at}`

// Of repeated measurements on a machine that does other things too, one differs from the next by so much.
const flatWithin = 1.3

const valuesOf = (axis: Axis, results: ResultsFile) =>
  axis.steps.flatMap((step) => {
    const result = results.get(stepName(axis, step.at))
    return result === undefined ? [] : [{ step, values: result.values }]
  })

/** A chart of an axis, or `undefined` while too little of it is measured. */
export const chartOf = (axis: Axis, results: ResultsFile): string | undefined => {
  const measured = valuesOf(axis, results)
  return measured.length < 2 ? undefined : logChart({
    title: axis.title,
    across: axis.across,
    up: "CPU-s per million metrics",
    steps: measured.map(({ step }) => step),
    lines: axis.costs.map(([name, title]) => ({
      name: title,
      values: measured.map(({ values }) => values[name])
    }))
  })
}

const verdict = (axis: Axis, results: ResultsFile): string => {
  const measured = valuesOf(axis, results)
  const spreads = axis.costs.map(([name, title]) => {
    const costs = measured.map(({ values }) => values[name])
    return { title, factor: Math.max(...costs) / Math.min(...costs) }
  })
  const flat = spreads.filter(({ factor }) => factor <= flatWithin)
  const other = spreads.filter(({ factor }) => factor > flatWithin)
  const named = (all: typeof spreads) => all.map(({ factor, title }) => `${title} (× ${show(factor, 2)})`).join(", ")
  return [
    ...(flat.length === 0 ? [] : [`Flat, between the least and the most: ${named(flat)}.`]),
    ...(other.length === 0 ? [] : [`Not flat: ${named(other)}${axis.why === "" ? "" : `; ${axis.why}`}.`])
  ].join(" ")
}

const axisText = (axis: Axis, results: ResultsFile): ReadonlyArray<string> => {
  const measured = valuesOf(axis, results)
  if (measured.length < 2) return []
  const columns = [
    ...axis.costs.map(([name, title]) => ({ title, digits: 2, of: (values: StepValues) => values[name] })),
    ...axis.more
  ]
  const lines = measured.map(({ step, values }) =>
    `| ${step.label} | ${columns.map(({ digits, of }) => show(of(values, step.at), digits)).join(" | ")} |`
  )
  return [
    `### ${axis.title}`,
    `![CPU-seconds per million metrics over ${axis.across}](images/growth-${axis.name}.svg)`,
    `${axis.how}. ${verdict(axis, results)}`,
    [
      `| ${axis.across} | ${columns.map(({ title }) => title).join(" | ")} |`,
      `|---|${columns.map(() => "---|").join("")}`,
      ...lines
    ].join("\n")
  ]
}

const thousandText = (results: ResultsFile): ReadonlyArray<string> => {
  const values = results.get(thousandName)?.values
  if (values === undefined) return []
  const row = (label: string, name: string, digits: number): string => `| ${label} | ${show(values[name], digits)} |`
  return [
    "### A thousand senders at 100 metrics/s each",
    "One server, a thousand senders in one process, their outboxes in memory, each with a call of 100 metrics once a " +
    "second, the calls spread over the second. Of a call: how long after its metrics were accepted they were " +
    "acknowledged, which is when they are on the server's disk. Senders and server share two processors with each other.",
    [
      "| | |",
      "|---|---|",
      row("metrics accepted", "accepted", 0),
      row("of them not stored, or stored twice", "lost", 0),
      row("accepted to acknowledged, p50 ms", "p50", 1),
      row("accepted to acknowledged, p99 ms", "p99", 1),
      row("accepted to acknowledged, most ms", "most", 1),
      row("calls began late, for want of a processor, p99 ms", "late99", 1),
      row("the senders' process, CPU-s a second", "senders", 2),
      row("the server, CPU-s a second", "server", 2)
    ].join("\n")
  ]
}

/** The section of docs/benchmarks.md about growth. */
export const growthSection = (results: ResultsFile): string =>
  [
    "## Growth",
    `${
      results.provenances.join("; ")
    }. What a million metrics cost on each side, in processor seconds, while one thing ` +
    "grows. Each step in processes of its own. A line is called flat when its most is at most 1.3 times its least, which " +
    "is how much one run differs from the next on a machine that is shared.",
    ...axes.flatMap((axis) => axisText(axis, results)),
    ...thousandText(results)
  ].join("\n\n")
