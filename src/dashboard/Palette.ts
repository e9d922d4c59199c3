// Okabe and Ito's palette, told apart by colour-blind readers too, with its
// yellow and black replaced by what shows on light and dark ground.
const onLight = ["#0072b2", "#d55e00", "#009e73", "#b8518a", "#c98500", "#3f9ad1", "#7d7d7d", "#8f7700"]
const onDark = ["#4aa8e8", "#f0883e", "#2fc79a", "#dd93bd", "#f0b72f", "#8fd0f7", "#b4b4b4", "#d3bd3c"]

const dark = window.matchMedia("(prefers-color-scheme: dark)")

/** The colour of a line. After eight they come again, dashed: see {@link dashOf}. */
export const colourOf = (index: number): string => (dark.matches ? onDark : onLight)[index % onLight.length]

/** Dashes that tell lines of one colour apart; empty for the first eight. */
export const dashOf = (index: number): Array<number> => {
  const round = Math.floor(index / onLight.length)
  return round === 0 ? [] : [2 + 3 * (round % 4), 3 + Math.floor(round / 4)]
}
