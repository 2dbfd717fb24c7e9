import { expect, test } from "vitest"
import { ProgramCache } from "./program-cache.ts"

function makeCache(capacity: number) {
  const made: string[] = []
  const released: string[] = []
  const cache = new ProgramCache<string>(capacity, async (value) => {
    released.push(value)
  })
  const make = (key: string) => async () => {
    made.push(key)
    return key
  }
  return { cache, made, released, make, use: (key: string) => cache.use(key, make(key), async (value) => value) }
}

test("a program is made once, and the one that was made first goes when there are too many", async () => {
  const { made, released, use } = makeCache(2)
  await use("a")
  await use("a")
  await use("b")
  await use("c")
  expect(made).toEqual(["a", "b", "c"])
  expect(released).toEqual(["a"])
  await use("a")
  expect(made).toEqual(["a", "b", "c", "a"])
  expect(released).toEqual(["a", "b"])
})

test("a program in use is released only afterwards, and once", async () => {
  const { cache, released, make } = makeCache(1)
  let finish = () => {}
  const working = cache.use("a", make("a"), () => new Promise<void>((resolve) => (finish = resolve)))
  await new Promise((resolve) => setTimeout(resolve))
  await cache.clear()
  expect(released).toEqual([])
  finish()
  await working
  expect(released).toEqual(["a"])
})

test("a program that cannot be made is tried again", async () => {
  const { cache, released, use } = makeCache(1)
  const failing = cache.use(
    "a",
    () => Promise.reject(new Error("no memory")),
    async () => undefined,
  )
  await expect(failing).rejects.toThrow("no memory")
  expect(await use("a")).toBe("a")
  await cache.clear()
  expect(released).toEqual(["a"])
})
