import { Data, Either, Schema } from "effect"
import { formatProblem } from "../../domain/decodeMetric.js"
import { ChessColor, lenient, Text, WellFormed } from "./Lenient.js"

/** A frame of a TV feed, as far as it can be used. */
export type FeedFrame = Data.TaggedEnum<{
  /** The channel shows this game from now on, or still does after a reconnect. */
  Featured: { readonly game: FeaturedGame }
  /** A move was made in the game that was featured last. */
  Moved: { readonly move: FeedMove }
  /** A message of a type that is not known; the feed may learn new ones. */
  Unknown: { readonly type: string }
}>

/** How to make and match a {@link FeedFrame}. */
export const FeedFrame = Data.taggedEnum<FeedFrame>()

/** A line of a feed that cannot be used. */
export class FeedFrameError extends Data.TaggedError("FeedFrameError")<{
  /** `featured` when the channel turned to a game that we cannot tell, `unknown` when it is no message at all. */
  readonly type: "featured" | "fen" | "unknown"
  readonly message: string
}> {}

const FeedPlayer = Schema.Struct({
  color: ChessColor,
  user: lenient(Schema.Struct({ name: lenient(Text), title: lenient(Text) })),
  ai: lenient(Schema.Finite),
  rating: lenient(Schema.Finite)
})

/**
 * The body of a `featured` message. Its `seconds` are not read: Lichess
 * computes them once, for both players from one of the two clocks.
 */
const FeaturedGame = Schema.Struct({
  id: Text.pipe(Schema.minLength(1)),
  orientation: lenient(ChessColor),
  /** To be matched by `color`, not by position. */
  players: lenient(Schema.Array(FeedPlayer)),
  /** The position when the message was sent. */
  fen: lenient(WellFormed)
})

/** The body of a `featured` message. */
export type FeaturedGame = typeof FeaturedGame.Type

const FeedMove = Schema.Struct({
  fen: WellFormed,
  /** In UCI; castling is king to rook, a drop is `N@e7`, and a promotion may lack its letter. */
  lm: lenient(Text),
  /** Seconds left; absent in games without a clock. */
  wc: lenient(Schema.Finite),
  bc: lenient(Schema.Finite)
})

/** The body of a `fen` message. */
export type FeedMove = typeof FeedMove.Type

const decodeFeatured = Schema.decodeUnknownEither(FeaturedGame)
const decodeMove = Schema.decodeUnknownEither(FeedMove)

const parseJson = (line: string): Either.Either<unknown, FeedFrameError> =>
  Either.try({
    try: () => JSON.parse(line) as unknown,
    catch: () => new FeedFrameError({ type: "unknown", message: `no JSON: ${excerpt(line)}` })
  })

const excerpt = (line: string): string => JSON.stringify(line.length > 80 ? `${line.slice(0, 80)}…` : line)

/**
 * Reads a line of `/api/tv/feed` or `/api/tv/{channel}/feed`: an envelope
 * `{"t": type, "d": body}`. Optional parts of an unexpected kind are left out;
 * an object of another type is `Unknown`.
 */
export const decodeFeedFrame = (line: string): Either.Either<FeedFrame, FeedFrameError> =>
  Either.flatMap(parseJson(line), (message): Either.Either<FeedFrame, FeedFrameError> => {
    if (typeof message !== "object" || message === null || Array.isArray(message)) {
      return Either.left(new FeedFrameError({ type: "unknown", message: `no JSON object: ${excerpt(line)}` }))
    }
    const type = "t" in message && typeof message.t === "string" ? message.t : ""
    const body = "d" in message ? message.d : undefined
    switch (type) {
      case "featured":
        return Either.mapBoth(decodeFeatured(body), {
          onLeft: (error) => new FeedFrameError({ type, message: `featured: ${formatProblem(error)}` }),
          onRight: (game) => FeedFrame.Featured({ game })
        })
      case "fen":
        return Either.mapBoth(decodeMove(body), {
          onLeft: (error) => new FeedFrameError({ type, message: `fen: ${formatProblem(error)}` }),
          onRight: (move) => FeedFrame.Moved({ move })
        })
      default:
        return Either.right(FeedFrame.Unknown({ type }))
    }
  })
