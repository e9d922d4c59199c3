import { isIPv6 } from "node:net"

/**
 * Whom an address belongs to: itself for IPv4, its /64 for IPv6, whose owner has
 * 2^64 addresses in it; `""` where there is none.
 */
export const networkOf = (address: string | undefined): string => {
  const bare = (address ?? "").replace(/^::ffff:(?=\d+\.)/i, "")
  if (!isIPv6(bare)) return bare
  const [head = "", tail] = bare.split("%", 1)[0].split("::")
  const before = head === "" ? [] : head.split(":")
  const after = tail === undefined || tail === "" ? [] : tail.split(":")
  const groups = tail === undefined
    ? before
    : [...before, ...Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0"), ...after]
  return groups.slice(0, 4).join(":")
}
