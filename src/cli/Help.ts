import { CliConfig, Command, HelpDoc, type Span } from "@effect/cli"

/** What a person reads about a subcommand before its options. */
export interface CommandHelp {
  readonly name: string
  /** Its arguments and the options that matter most, as in `ORIGIN METRIC_TYPE VALUE [options]`. */
  readonly usage: string
  /** One sentence. */
  readonly summary: string
  /** Command lines that work as they stand, each with what it does. */
  readonly examples: ReadonlyArray<readonly [command: string, meaning: string]>
  /** The options as @effect/cli knows them. */
  readonly doc: HelpDoc.HelpDoc
  /** Pages of its own subcommands. */
  readonly parts: ReadonlyArray<CommandHelp>
}

/** Adds to a subcommand's description what @effect/cli knows of its options. */
export const helpOf = <Name extends string, R, E, A>(
  command: Command.Command<Name, R, E, A>,
  about: Omit<CommandHelp, "doc" | "parts">
): CommandHelp => ({ ...about, doc: Command.getHelp(command, CliConfig.make({ showBuiltIns: false })), parts: [] })

/** The page of a command that only has subcommands. */
export const groupHelp = (
  parts: ReadonlyArray<CommandHelp>,
  about: Omit<CommandHelp, "doc" | "parts">
): CommandHelp => ({ ...about, doc: HelpDoc.empty, parts })

/** The page of the command that the words of a call name, of the longest name that stands among them. */
export const pageOf = (
  pages: ReadonlyArray<CommandHelp>,
  words: ReadonlyArray<string>
): CommandHelp | undefined => {
  const stands = (page: CommandHelp, at: number): boolean =>
    page.name.split(" ").every((part, index) => words[at + index] === part)
  for (let at = 0; at < words.length; at++) {
    const found = pages.find((page) => stands(page, at))
    if (found !== undefined) return pageOf(found.parts, words.slice(at)) ?? found
  }
  return undefined
}

/** A page and those of all its parts. */
export const pagesBelow = (page: CommandHelp): ReadonlyArray<CommandHelp> => [page, ...page.parts.flatMap(pagesBelow)]

const textOf = (span: Span.Span): string => {
  switch (span._tag) {
    case "Sequence":
      return textOf(span.left) + textOf(span.right)
    case "Text":
    case "URI":
      return span.value
    case "Highlight":
    case "Strong":
    case "Weak":
      return typeof span.value === "string" ? span.value : textOf(span.value)
  }
}

const paragraphs = (doc: HelpDoc.HelpDoc): ReadonlyArray<string> =>
  doc._tag === "Sequence"
    ? [...paragraphs(doc.left), ...paragraphs(doc.right)]
    : doc._tag === "Paragraph"
    ? [textOf(doc.value)]
    : []

// @effect/cli puts the type of an option first and our description second.
const definitions = (doc: HelpDoc.HelpDoc): ReadonlyArray<readonly [string, string]> => {
  switch (doc._tag) {
    case "Sequence":
      return [...definitions(doc.left), ...definitions(doc.right)]
    case "DescriptionList":
      return doc.definitions.map(([name, about]) => [textOf(name), paragraphs(about)[1] ?? ""])
    default:
      return []
  }
}

/** Cuts a text at spaces into lines of at most `width` columns, where its words allow that. */
export const wrap = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return [...lines, line]
}

const twoColumns = (rows: ReadonlyArray<readonly [string, string]>, width: number): ReadonlyArray<string> => {
  const left = Math.min(34, Math.max(0, ...rows.map(([name]) => name.length)))
  return rows.flatMap(([name, about]) => {
    const [first = "", ...rest] = wrap(about, Math.max(30, width - left - 4))
    const indented = rest.map((line) => `  ${" ".repeat(left)}  ${line}`)
    return name.length > left
      ? [`  ${name}`, `  ${" ".repeat(left)}  ${first}`, ...indented]
      : [`  ${name.padEnd(left)}  ${first}`, ...indented]
  })
}

const everywhere: ReadonlyArray<readonly [string, string]> = [
  ["--log-level LEVEL", "all, trace, debug, info, warning, error, fatal or none (METRICS_LOG_LEVEL)"],
  ["--completions SHELL", "Print completions for bash, zsh or fish"],
  ["-h, --help", "This page"],
  ["--version", "The version"]
]

/** The options of a command and what they do, as the help page shows them. */
export const optionsOf = ({ doc }: CommandHelp): ReadonlyArray<readonly [option: string, about: string]> =>
  definitions(doc).filter(([name]) => name.startsWith("-"))

/**
 * The words of a call with the options of the command before its arguments,
 * otherwise in their order. @effect/cli takes whatever stands behind the first
 * of several arguments for another one. Words behind a bare `--` stay there.
 */
export const optionsFirst = (
  pages: ReadonlyArray<CommandHelp>,
  words: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const page = pageOf(pages, words)
  const name = page?.name.split(" ") ?? []
  if (page === undefined || page.parts.length > 0 || name.some((part, i) => words[i] !== part)) return words
  // As in `--tag KEY=VALUE...`, or `--chart` when it takes no value.
  const values = new Map(
    optionsOf(page).map(([option]) => {
      const [flag, value] = option.split(" ")
      return [flag, value === undefined ? 1 : 2] as const
    })
  )
  const options: Array<string> = []
  const rest: Array<string> = []
  const end = words.includes("--") ? words.indexOf("--") : words.length
  for (let i = name.length; i < end;) {
    const taken = values.get(words[i])
    const into = taken === undefined ? rest : options
    for (const word of words.slice(i, Math.min(end, i + (taken ?? 1)))) into.push(word)
    i += taken ?? 1
  }
  return [...name, ...options, ...rest, ...words.slice(end)]
}

/** The help page of one subcommand: usage, options in one line each, examples. */
export const commandPage = (program: string, command: CommandHelp, width: number): string =>
  [
    command.summary,
    "",
    `Usage: ${program} ${command.name} ${command.usage}`,
    "",
    ...(command.parts.length > 0
      ? ["Commands:", ...twoColumns(command.parts.map(({ name, summary }) => [name, summary]), width)]
      : ["Options:", ...twoColumns(optionsOf(command), width)]),
    "",
    "Examples:",
    ...command.examples.flatMap(([line, meaning]) => [`  ${program} ${line}`, `      ${meaning}`])
  ].join("\n")

/** The help page of the whole command. */
export const overviewPage = (
  program: string,
  version: string,
  commands: ReadonlyArray<CommandHelp>,
  width: number
): string =>
  [
    `${program} ${version}: collects metrics, delivers each once, stores and shows them`,
    "",
    `Usage: ${program} COMMAND [options]`,
    "",
    "Commands:",
    ...twoColumns(commands.map((command) => [command.name, command.summary]), width),
    "",
    "Everywhere:",
    ...twoColumns(everywhere, width),
    "",
    "Begin with:",
    `  ${program} up                 this host on a dashboard, in one process`,
    `  ${program} COMMAND --help     options and examples of a command`,
    "",
    "Options come from the command line, else from METRICS_* in the environment, else from a file",
    "metrics-collector.{json,yaml,toml,ini} here, in ~/.config/metrics-collector or in /etc/metrics-collector."
  ].join("\n")
