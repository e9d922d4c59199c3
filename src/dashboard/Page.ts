import type { Feed } from "./Feed.js"
import type { Point } from "./Points.js"

/** What a page may use of the frame around it. */
export interface PageContext {
  readonly feed: Feed
  /** What the address says behind `?`: the state of the page, so that a link restores it. */
  readonly parameters: URLSearchParams
  /** Writes the state of the page into the address, without a new entry in the history unless `enter`. */
  readonly remember: (parameters: URLSearchParams, enter?: boolean) => void
  /** Called with an error that a question to the server ended with. */
  readonly failed: (error: unknown) => void
}

/** A page that is shown. */
export interface ShownPage {
  readonly root: HTMLElement
  /** Once a second while the page is looked at; `now` is the server's clock, ms since the epoch. */
  readonly tick: (now: number) => void
  readonly arrived?: (points: ReadonlyArray<Point>) => void
  /** The connection stands again: history has to be asked for anew. */
  readonly opened?: () => void
  readonly leave: () => void
}

/** A page of the dashboard. */
export interface Page {
  /** Its place in the address, as in `#/overview`. */
  readonly path: string
  readonly title: string
  readonly show: (context: PageContext) => ShownPage
}
