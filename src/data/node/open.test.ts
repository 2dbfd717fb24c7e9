import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { imageFolder, temporaryFolder } from "../../../test/data/image-folder.ts"
import { InputError, UsageError } from "../../tensor/errors.ts"
import { countByClass, type Dataset } from "../dataset.ts"
import { embeddedFolder, openDataset, openEmbedded, openForEval } from "./open.ts"

/** Empty files: opening a folder looks at names only. */
function folder(counts: Record<string, number>): Promise<string> {
  return imageFolder(
    Object.entries(counts).flatMap(([name, count]) =>
      Array.from({ length: count }, (_, i): [string, string] => [`${name}/${i}.jpg`, ""]),
    ),
  )
}

const sources = ({ length, source }: Dataset) => Array.from({ length }, (_, i) => source(i))
const classCounts = ({ labels, classes }: Dataset) => [...countByClass(labels, classes.length)]

test("the embedded part of Fashion-MNIST has 1,000 and 200 images of each of its 10 classes", async () => {
  const data = await openEmbedded()
  expect(data.classes).toHaveLength(10)
  expect([data.classes[0], data.classes[9]]).toEqual(["T-shirt/top", "Ankle boot"])
  expect(classCounts(data.train)).toEqual(Array(10).fill(1000))
  expect(classCounts(data.val)).toEqual(Array(10).fill(200))
  expect(data).toMatchObject({ channels: 1, imageSize: [28, 28], warnings: [] })
  expect(data.description).toBe(
    "a part of Fashion-MNIST: IDX files, 28 x 28 gray, 10 classes, 10,000 images to learn from, 2,000 to measure on",
  )
  expect(data.val.source(3)).toBe("t10k-images[3]")
  const { width, height, channels, data: pixels } = await data.train.read(0)
  expect([width, height, channels, pixels.length]).toEqual([28, 28, 1, 784])
  // The mean of Fashion-MNIST is 0.2860 of 255.
  const means = await Promise.all(Array.from({ length: 500 }, async (_, i) => mean((await data.train.read(i)).data)))
  expect(mean(means) / 255).toBeCloseTo(0.286, 1)
})

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value, 0) / values.length

test("a folder of classes is divided class by class, the same way for the same seed", async () => {
  const root = await folder({ cat: 10, dog: 20, rare: 2 })
  const data = await openDataset(root)
  expect(data.classes).toEqual(["cat", "dog", "rare"])
  expect(classCounts(data.train)).toEqual([8, 16, 1])
  expect(classCounts(data.val)).toEqual([2, 4, 1])
  expect(new Set([...sources(data.train), ...sources(data.val)]).size).toBe(32)
  expect(data.description).toBe("image folder, 3 classes, 25 images to learn from, 7 to measure on (20% of each class)")
  expect(sources((await openDataset(root)).val)).toEqual(sources(data.val))
  expect(sources((await openDataset(root, { seed: 1 })).val)).not.toEqual(sources(data.val))
  expect(classCounts((await openDataset(root, { valFraction: 0.5 })).val)).toEqual([5, 10, 1])
  await expect(openDataset(root, { valFraction: 0 })).rejects.toThrow(UsageError)
})

test("a single image of a class is learned from, with a warning", async () => {
  const data = await openDataset(await folder({ cat: 5, dog: 5, unicorn: 1 }))
  expect(classCounts(data.train)).toEqual([4, 4, 1])
  expect(classCounts(data.val)).toEqual([1, 1, 0])
  expect(data.warnings).toEqual(["classes with a single image, which is learned from and never measured: unicorn"])
})

test("single images alone leave nothing to measure on", async () => {
  await expect(openDataset(await folder({ cat: 1, dog: 1 }))).rejects.toThrow(/there is none to measure on/)
})

test("train/ and val/ are taken as they are; val/ comes before test/", async () => {
  const root = await folder({
    "train/a": 3,
    "train/b": 2,
    "valid/b": 2,
    "valid/a": 1,
    "test/a": 1,
    "test/b": 1,
    extra: 1,
  })
  const data = await openDataset(root)
  expect(data.classes).toEqual(["a", "b"])
  expect(classCounts(data.train)).toEqual([3, 2])
  expect(classCounts(data.val)).toEqual([1, 2])
  expect(sources(data.val).every((path) => path.startsWith(join(root, "valid")))).toBe(true)
  expect(data.warnings).toEqual([`folders beside ${join(root, "train")} are left out: extra`])
  expect(classCounts((await openDataset(root, { split: "test" })).val)).toEqual([1, 1])
  await expect(openDataset(await folder({ a: 1, b: 2 }), { split: "test" })).rejects.toThrow(/has no folder test\//)
})

test("train/ alone is divided", async () => {
  const data = await openDataset(await folder({ "train/a": 5, "train/b": 5 }))
  expect([data.train.length, data.val.length]).toEqual([8, 2])
})

test("labels of val/ follow the classes of train/; classes that val/ lacks are a warning, others an error", async () => {
  const fewer = await openDataset(await folder({ "train/a": 2, "train/b": 2, "train/c": 2, "val/c": 3, "val/a": 1 }))
  expect(classCounts(fewer.val)).toEqual([1, 0, 3])
  expect(fewer.warnings).toEqual([expect.stringMatching(/^classes without images in .*val: b$/)])
  const more = await folder({ "train/a": 2, "train/b": 2, "val/a": 1, "val/x": 1, "val/y": 1 })
  await expect(openDataset(more)).rejects.toThrow(/val has classes that .*train has not: x, y/)
})

test("data that cannot be used is refused with the reason and the expected layout", async () => {
  const layout = "Expected one subfolder of images for each class, or train/ and val/ with such subfolders"
  const file = join(temporaryFolder(), "pets.zip")
  writeFileSync(file, "PK")
  const cases: [string, RegExp][] = [
    ["nowhere/pets", /cannot open the data nowhere\/pets: there is no such folder/],
    [file, /pets\.zip: it is a file/],
    [temporaryFolder(), /there are no images/],
    [await folder({ cat: 3 }), /has one class only, "cat"/],
    [await folder({ "train/cat": 3, "val/cat": 1 }), /has one class only, "cat"/],
  ]
  for (const [path, message] of cases) {
    const opening = openDataset(path)
    await expect(opening).rejects.toThrow(InputError)
    await expect(opening).rejects.toThrow(message)
    await expect(opening).rejects.toThrow(layout)
  }
})

test("a model is measured on val/, else test/, else all images, with its own class numbers", async () => {
  const classes = ["zebra", "b", "a"]
  const all = { "train/a": 3, "train/b": 2, "test/a": 1, "test/b": 4 }
  const onTest = await openForEval(await folder(all), classes)
  expect(classCounts(onTest.dataset)).toEqual([0, 4, 1])
  expect(onTest.dataset.classes).toEqual(classes)
  expect(classCounts((await openForEval(await folder({ ...all, "val/b": 7 }), classes)).dataset)).toEqual([0, 7, 0])
  expect(classCounts((await openForEval(await folder(all), classes, "train")).dataset)).toEqual([0, 2, 3])
  expect(classCounts((await openForEval(await folder({ a: 2 }), classes)).dataset)).toEqual([0, 0, 2])
  const onTrain = await openForEval(await folder({ "train/a": 3, "train/b": 1 }), classes)
  expect(classCounts(onTrain.dataset)).toEqual([0, 1, 3])
  expect(onTrain.warnings).toEqual([
    expect.stringMatching(/has no val\/ or test\/: the images of train\/ are measured$/),
  ])
})

test("classes that the model does not know are listed", async () => {
  const opening = openForEval(await folder({ cat: 1, dog: 1, hen: 1 }), ["cat", "cow"])
  await expect(opening).rejects.toThrow(InputError)
  await expect(opening).rejects.toThrow(/does not know: dog, hen. Its 2 classes are cat, cow/)
})

test("a model is measured on IDX files by the names of labels.txt, or by number where there are none", async () => {
  const named = await openForEval(embeddedFolder, (await openEmbedded()).classes.toReversed())
  expect(named.dataset.length).toBe(2000)
  const straight = (await openEmbedded()).val
  expect([...named.dataset.labels]).toEqual([...straight.labels].map((label) => 9 - label))
  await expect(openForEval(embeddedFolder, ["Bag", "Dress"])).rejects.toThrow(/does not know: T-shirt\/top, Trouser/)

  const unnamed = temporaryFolder()
  for (const name of ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]) {
    writeFileSync(join(unnamed, name), readFileSync(join(embeddedFolder, name)))
  }
  const ten = Array.from({ length: 10 }, (_, i) => `class ${i}`)
  expect([...(await openForEval(unnamed, ten)).dataset.labels]).toEqual([...straight.labels])
  await expect(openForEval(unnamed, ten.slice(0, 8))).rejects.toThrow(/does not know: 8, 9/)
  await expect(openDataset(unnamed)).rejects.toThrow(/has no train-images-idx3-ubyte/)
})

test("IDX files without a test part are divided", async () => {
  const root = temporaryFolder()
  for (const content of ["images-idx3", "labels-idx1"]) {
    writeFileSync(join(root, `train-${content}-ubyte`), readFileSync(join(embeddedFolder, `t10k-${content}-ubyte.gz`)))
  }
  const data = await openDataset(root)
  expect(data.classes).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"])
  expect(classCounts(data.train)).toEqual(Array(10).fill(160))
  expect(classCounts(data.val)).toEqual(Array(10).fill(40))
  expect(data).toMatchObject({ channels: 1, imageSize: [28, 28] })
  const first = (await openEmbedded()).val
  const at = Number(/\d+/.exec(data.val.source(0).replace("train-images", ""))![0])
  expect((await data.val.read(0)).data).toEqual((await first.read(at)).data)

  writeFileSync(join(root, "labels.txt"), "one\ntwo\n")
  await expect(openDataset(root)).rejects.toThrow(/labels.txt names 2 classes, but the labels go up to 9/)
})
