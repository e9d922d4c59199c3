/**
 * Of a device that is mounted at several places (bind mounts, subvolumes) only
 * the shortest path remains: its space would be counted again. Filesystems
 * without a device behind them (`tmpfs`) share names, not space.
 */
export const oneMountADevice = <A extends { readonly device: string; readonly mountpoint: string }>(
  mounts: Iterable<A>
): ReadonlyArray<A> => {
  const kept = new Map<string, A>()
  for (const mount of mounts) {
    const key = mount.device.includes("/") ? mount.device : `at ${mount.mountpoint}`
    const other = kept.get(key)
    if (other === undefined || mount.mountpoint.length < other.mountpoint.length) kept.set(key, mount)
  }
  return Array.from(kept.values())
}
