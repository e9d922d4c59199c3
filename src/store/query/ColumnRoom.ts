/** Most memory that is kept for later. */
const mostBytes = 16 * 1024 * 1024

/**
 * Memory for columns of numbers that is used again and again: what a scan
 * allocates anew and drops has the garbage collector run with every scan, and
 * its threads take the processors from whoever stores.
 */
export class ColumnRoom {
  private readonly spare = new Map<number, Array<Float64Array<ArrayBuffer>>>()
  private bytes = 0

  /** Room for `length` numbers, whatever they are. */
  take(length: number): Float64Array<ArrayBuffer> {
    const known = this.spare.get(length)?.pop()
    if (known === undefined) return new Float64Array(length)
    this.bytes -= known.byteLength
    return known
  }

  /** Takes back what was taken and is not looked at any more. */
  give(columns: Float64Array<ArrayBuffer>): void {
    if (this.bytes + columns.byteLength > mostBytes) return
    this.bytes += columns.byteLength
    const alike = this.spare.get(columns.length)
    if (alike === undefined) this.spare.set(columns.length, [columns])
    else alike.push(columns)
  }
}
