import { setTimeout } from "node:timers/promises"
import { expect, test } from "vitest"
import { mapInLanes } from "./lanes.ts"

test("no more items than lanes are under way, and the results keep their order", async () => {
  let underWay = 0
  let most = 0
  const items = Array.from({ length: 20 }, (_, i) => i)
  const results = await mapInLanes(items, 4, async (item) => {
    most = Math.max(most, ++underWay)
    // Later items are done sooner.
    await setTimeout(20 - item)
    underWay--
    return 2 * item
  })
  expect(most).toBe(4)
  expect(results).toEqual(items.map((item) => 2 * item))
  expect(await mapInLanes([], 4, async () => 1)).toEqual([])
})

test("an error ends the work", async () => {
  const begun: number[] = []
  const work = async (item: number) => {
    begun.push(item)
    await setTimeout(1)
    if (item === 1) throw new Error("item 1")
  }
  await expect(mapInLanes([0, 1, 2, 3, 4, 5], 1, work)).rejects.toThrow("item 1")
  expect(begun).toEqual([0, 1])
})
