/**
 * The rate of a counter over `seconds`. `undefined` when it is not there now,
 * was not there before, or went back: the counter overflowed or its device is
 * a new one.
 */
export const perSecond = (before: number | undefined, now: number | undefined, seconds: number): number | undefined =>
  before === undefined || now === undefined || now < before ? undefined : (now - before) / seconds
