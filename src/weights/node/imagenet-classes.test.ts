import { expect, test } from "vitest"
import { imagenetClasses } from "./imagenet-classes.ts"

test.each([
  ["1k", 1000],
  ["12k", 11821],
  ["21k", 21843],
  ["22k", 21841],
] as const)("ImageNet-%s has %i classes, each once, in the order of their synsets", async (subset, count) => {
  const classes = await imagenetClasses(subset)
  const synsets = classes.map(({ synset }) => synset)
  expect(classes).toHaveLength(count)
  expect(new Set(synsets).size).toBe(count)
  expect(synsets).toEqual([...synsets].sort())
  expect(classes.every(({ name }) => name.length > 0)).toBe(true)
})

test("the classes of ILSVRC are numbered as everywhere", async () => {
  const classes = await imagenetClasses("1k")
  expect(classes[0]).toEqual({ synset: "n01440764", name: "tench, Tinca tinca" })
  expect(classes[207]!.name).toBe("golden retriever")
  expect(classes[281]!.name).toBe("tabby, tabby cat")
  expect(classes[850]!.name).toBe("teddy, teddy bear")
  expect(classes[999]).toMatchObject({ synset: "n15075141" })
})

test("Google's 21k has two classes that 22k lacks, and 22k lacks one of 1k", async () => {
  const synsets = async (subset: "1k" | "21k" | "22k") => (await imagenetClasses(subset)).map(({ synset }) => synset)
  const [of1k, of21k, of22k] = await Promise.all([synsets("1k"), synsets("21k"), synsets("22k")])
  const in22k = new Set(of22k)
  expect(of21k.filter((synset) => !in22k.has(synset))).toEqual(["n03931044", "n09859684"])
  expect(of1k.filter((synset) => !in22k.has(synset))).toEqual(["n04399382"])
})
