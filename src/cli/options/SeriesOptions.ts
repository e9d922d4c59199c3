import { Options } from "@effect/cli"
import { Either, Option } from "effect"
import type { SeriesQuestion } from "../../client/MetricsClient.js"
import { type CliFailure, misuse } from "../CliFailure.js"
import { parsePairs } from "./Values.js"

/** Options of every command that asks for some series. */
export const seriesOptions = {
  origin: Options.text("origin").pipe(Options.withDescription("Only this origin"), Options.optional),
  tag: Options.text("tag").pipe(
    Options.withPseudoName("KEY=VALUE"),
    Options.withDescription("Only series with this tag; repeatable"),
    Options.repeated
  )
}

/** The series that the options mean. */
export const seriesQuestion = (
  options: { readonly origin: Option.Option<string>; readonly tag: ReadonlyArray<string> },
  metricType: string | undefined
): Either.Either<SeriesQuestion, CliFailure> =>
  Either.mapBoth(parsePairs(options.tag), {
    onLeft: (message) => misuse(`--tag: ${message}`),
    onRight: (tags) => ({ metricType, origin: Option.getOrUndefined(options.origin), tags })
  })

/** Tags as a person reads them, each for itself, as in `core=0`. */
export const tagWords = (tags: { readonly [key: string]: string }): ReadonlyArray<string> =>
  Object.entries(tags).map(([key, value]) => `${key}=${value}`)

/** Tags as a person reads them, as in `core=0 host=web-1`. */
export const tagsText = (tags: { readonly [key: string]: string }): string => tagWords(tags).join(" ")
