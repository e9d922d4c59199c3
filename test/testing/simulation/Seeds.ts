/** How many seeds the suite runs: `npm run simulate -- --seeds N` runs as many as one likes. */
export const SUITE_SEEDS = 1_000

/** Within so many seeds, the first of those of the suite, every mutant must be caught. */
export const MUTANT_SEEDS = 200
