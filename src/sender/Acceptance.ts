/** What became of a batch of metrics: the invalid ones are named, all others are accepted. */
export interface Acceptance {
  readonly accepted: number
  readonly rejected: ReadonlyArray<{ readonly index: number; readonly message: string }>
}
