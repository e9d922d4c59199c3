/** Work in slices of a few milliseconds, between which others may have their turn. */
export type InSlices<A> = Generator<undefined, A, undefined>
