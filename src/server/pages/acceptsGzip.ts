interface Weights {
  readonly [coding: string]: number | undefined
}

const weightOf = (parameters: ReadonlyArray<string>): number => {
  const q = parameters.find((parameter) => /^q\s*=/.test(parameter))
  if (q === undefined) return 1
  const weight = /^q\s*=\s*([01](?:\.\d{0,3})?)$/.exec(q)?.[1]
  return weight === undefined ? 0 : Number(weight)
}

const weightsOf = (header: string): Weights =>
  Object.fromEntries(
    header.toLowerCase().split(",").map((part) => {
      const [coding, ...parameters] = part.split(";").map((text) => text.trim())
      return [coding, weightOf(parameters)]
    })
  )

/**
 * Whether an `Accept-Encoding` header wants gzip (RFC 9110, 12.5.3): it, or
 * `*`, is named with a weight above 0 and not below that of `identity`. Who
 * sends no such header gets what needs no unpacking.
 */
export const acceptsGzip = (header: string | undefined): boolean => {
  if (header === undefined) return false
  const weights = weightsOf(header)
  const gzip = weights["gzip"] ?? weights["x-gzip"] ?? weights["*"] ?? 0
  return gzip > 0 && gzip >= (weights["identity"] ?? 0)
}
