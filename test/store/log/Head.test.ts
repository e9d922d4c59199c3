import { describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as assert from "node:assert/strict"
import { setImmediate } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Head } from "../../../src/store/log/Head.js"

const chunkPoints = 3
const noCap = Infinity

// Points come in, what is full leaves, and what is old leaves, some at a time.
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ _tag: fc.constant("add" as const), ids: fc.array(fc.nat(6), { minLength: 1 }) })
  },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constant("full" as const), most: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ _tag: fc.constant("gone" as const), id: fc.nat(6) }) }
)

describe("the head of a store", () => {
  it("gives full series in the order in which they became so, each once, whatever leaves meanwhile", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const head = new Head(chunkPoints)
        // The same by hand: how many points wait of each series, and which of them are full.
        const counts = new Map<number, number>()
        let full: ReadonlyArray<number> = []
        const leave = (ids: ReadonlyArray<number>): void => {
          head.drop(ids)
          for (const id of ids) counts.delete(id)
          full = full.filter((id) => !ids.includes(id))
        }
        for (const [at, one] of steps.entries()) {
          if (one._tag === "add") {
            const columns = { time: one.ids, value: one.ids, fields: one.ids.map(() => undefined) }
            head.add(at + 1, 1, { series: one.ids, ...columns }, at)
            for (const id of one.ids) {
              const count = (counts.get(id) ?? 0) + 1
              counts.set(id, count)
              if (count === chunkPoints) full = [...full, id]
            }
          } else if (one._tag === "full") {
            const due = head.due(one.most, -Infinity, noCap).map(({ id }) => id)
            assert.deepEqual(due, full.slice(0, one.most))
            // They stay due until they have left.
            assert.deepEqual(head.due(one.most, -Infinity, noCap).map(({ id }) => id), due)
            leave(due)
          } else leave([one.id])
          assert.equal(head.isFull(noCap), full.length > 0)
          for (const [id, count] of counts) assert.equal(head.get(id)?.count, count)
        }
        assert.deepEqual(new Set(Array.from(head.all, ({ id }) => id)), new Set(counts.keys()))
      }),
      { numRuns: 300 }
    )
  })

  it("keeps no points of full series that have left", async () => {
    setFlagsFromString("--expose-gc")
    const head = new Head(chunkPoints)
    const ids = [1, 2, 3, 4, 5]
    const columns = { time: ids, value: ids, fields: ids.map(() => undefined) }
    for (let seq = 1; seq <= chunkPoints; seq++) head.add(seq, 1, { series: ids, ...columns }, seq)
    const leave = () => {
      const [first] = head.due(1, -Infinity, noCap)
      head.drop([first.id])
      return new WeakRef(first)
    }
    const left = leave()
    // What a reference was asked for or made of lives until the end of the turn.
    await setImmediate()
    runInNewContext("gc()")
    assert.equal(left.deref(), undefined)
    assert.deepEqual(head.due(9, -Infinity, noCap).map(({ id }) => id), [2, 3, 4, 5])
  })
})
