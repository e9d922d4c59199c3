import { GenericMetric } from "../../src/domain/GenericMetric.js"

/** Type of every metric of a soak. */
export const METRIC_TYPE = "number"

/** A process of a producer, from its start to its end. Its metrics are the numbers 0, 1, 2, … */
export interface LifeName {
  readonly producer: string
  /** Which process of the producer, from 0 on. */
  readonly life: number
  /** Time of number 0, ms since the epoch. */
  readonly begin: number
}

/** Series of a life: number n is in series n modulo this. */
export const PARTS = 3

// Every so many numbers one has a field.
const fieldEvery = 16

/** Time of a number: four share a millisecond. */
export const timeOf = ({ begin }: Pick<LifeName, "begin">, n: number): number => begin + Math.floor(n / 4)

/** The field `check` of a number, where it has one. */
export const checkOf = (n: number): number | undefined => n % fieldEvery === 0 ? n : undefined

/** A number of a life as a metric. */
export const metricOf = (name: LifeName, n: number): GenericMetric => {
  const check = checkOf(n)
  return new GenericMetric({
    origin: name.producer,
    metricType: METRIC_TYPE,
    value: n,
    timestamp: timeOf(name, n),
    metadata: {
      life: String(name.life),
      part: String(n % PARTS),
      ...(check === undefined ? {} : { check })
    }
  }, true)
}
