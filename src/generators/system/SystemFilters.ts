/**
 * What is left out of a host's metrics. Each expression replaces its default;
 * `/^$/` leaves nothing out.
 */
export interface SystemFilters {
  /** Block devices, by name (`loop0`). Partitions are never listed beside their disk. */
  readonly excludeDevices?: RegExp
  /** Network interfaces, by name (`veth12ab`). */
  readonly excludeInterfaces?: RegExp
  /** Filesystems, by type (`tmpfs`). */
  readonly excludeFilesystems?: RegExp
  /** Filesystems, by where they are mounted (`/var/lib/docker/overlay2/…`). */
  readonly excludeMountpoints?: RegExp
}

/** The defaults: what holds no data of its own, counts another device's traffic again, or exists once a container. */
export const defaultFilters = {
  excludeDevices: /^(?:loop|ram|zram|fd|sr|mtdblock|nbd)\d+$/,
  excludeInterfaces: /^(?:lo\d*|ifb\d+|dummy\d+|veth.*|docker\d+|br-.+|virbr.+|vnet\d+|cni\d+|cali.+|flannel.*|lxc.+)$/,
  excludeFilesystems: new RegExp(
    "^(?:autofs|bdev|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devfs|devpts|devtmpfs|efivarfs|erofs|fusectl|" +
      "fuse\\.(?:gvfsd-fuse|lxcfs|portal|snapfuse)|hugetlbfs|iso9660|map|mqueue|nsfs|nullfs|overlay|proc|procfs|pstore|" +
      "ramfs|rootfs|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tmpfs|tracefs|aufs|unionfs)$"
  ),
  excludeMountpoints:
    /^\/(?:dev|proc|sys|run\/credentials\/.+|run\/user\/.+|snap\/.+|var\/lib\/(?:docker|containerd|containers\/storage|kubelet)\/.+|System\/Volumes\/(?!Data$).+)(?:\/|$)/
} as const satisfies Required<SystemFilters>

/** Whether a name is to be kept. */
export type Keep = (name: string) => boolean

const mostRemembered = 4096

const keepUnless = (exclude: RegExp): Keep => {
  // Without g and y, whose `test` depends on the call before.
  const expression = new RegExp(exclude.source, exclude.flags.replace(/[gy]/g, ""))
  const decided = new Map<string, boolean>()
  return (name) => {
    const known = decided.get(name)
    if (known !== undefined) return known
    if (decided.size >= mostRemembered) decided.clear()
    const keep = !expression.test(name)
    decided.set(name, keep)
    return keep
  }
}

/** {@link SystemFilters} as predicates. Each name meets its expression once. */
export interface SystemKeeps {
  readonly device: Keep
  readonly interface: Keep
  readonly filesystem: Keep
  readonly mountpoint: Keep
}

/** Makes the predicates of {@link SystemFilters}. */
export const makeKeeps = (filters: SystemFilters = {}): SystemKeeps => ({
  device: keepUnless(filters.excludeDevices ?? defaultFilters.excludeDevices),
  interface: keepUnless(filters.excludeInterfaces ?? defaultFilters.excludeInterfaces),
  filesystem: keepUnless(filters.excludeFilesystems ?? defaultFilters.excludeFilesystems),
  mountpoint: keepUnless(filters.excludeMountpoints ?? defaultFilters.excludeMountpoints)
})
