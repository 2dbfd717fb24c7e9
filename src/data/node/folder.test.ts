import { execFileSync } from "node:child_process"
import { mkdirSync, symlinkSync } from "node:fs"
import { join, relative } from "node:path"
import { expect, test } from "vitest"
import { imageFolder, temporaryFolder } from "../../../test/data/image-folder.ts"
import { InputError } from "../../tensor/errors.ts"
import { sortNatural } from "../natural-order.ts"
import { findParts, folderDataset, portablePath, scanImageFolder } from "./folder.ts"

/** Classes, and "path label" of each file. */
async function layoutOf(root: string) {
  const folder = await scanImageFolder(root)
  const { classes, labels, length, source } = folderDataset(folder)
  const files = Array.from({ length }, (_, i) => `${relative(root, source(i)).replaceAll("\\", "/")} ${labels[i]}`)
  return { classes, files, warnings: folder.warnings }
}

test("classes and files are named, numbered and ordered as timm 1.0.31 reads this folder", async () => {
  const root = await imageFolder(
    [
      ...["n2/img10.jpg", "n2/img2.jpg", "n2/img1.PNG", "n10/photo.jpeg", "n10/deep/p1.jpg", "n1/a.webp", "n1/b.gif"],
      ...["n1/c.jpg", "n1/notes.txt", "n1/.hidden.jpg", "Beta/z.png", "alpha/z.png", "m02/k.bmp", "m02/k.jpg"],
      ...["empty/readme.md", "top.jpg", "n10/img1.jpg", "n9/IMG_3.JPG"],
    ].map((name) => [name, ""] as [string, string]),
  )
  const { classes, files, warnings } = await layoutOf(root)
  // timm has one class more, "", of the picture that lies in no folder, and does not skip the hidden one.
  expect(classes).toEqual(["alpha", "Beta", "deep", "m02", "n1", "n2", "n9", "n10"])
  expect(files.filter((file) => /\.(png|jpe?g) /i.test(file))).toEqual([
    ...["alpha/z.png 0", "Beta/z.png 1", "m02/k.jpg 3", "n1/c.jpg 4", "n2/img1.PNG 5", "n2/img2.jpg 5"],
    ...["n2/img10.jpg 5", "n9/IMG_3.JPG 6", "n10/deep/p1.jpg 2", "n10/img1.jpg 7", "n10/photo.jpeg 7"],
  ])
  expect(files).toContain("n1/a.webp 4")
  expect(files).toContain("n1/b.gif 4")
  expect(files).toContain("m02/k.bmp 3")
  expect(files).toHaveLength(14)
  expect(warnings).toEqual([
    expect.stringMatching(/^images in .* itself, outside of any class folder, are left out: 1$/),
    "folders without images are left out: empty",
  ])
})

test("files on Windows are in the order of Linux", () => {
  const files = ["cat/1.jpg", "cat2/1.jpg", "cat@home/1.jpg", "cat[b]/1.jpg", "cat/s/1.jpg", "cat-a/1.jpg"]
  const onWindows = files.map((path) => path.replaceAll("/", "\\"))
  const sorted = sortNatural(onWindows, (path) => portablePath(path, "\\"))
  expect(sorted.map((path) => path.replaceAll("\\", "/"))).toEqual(sortNatural(files, (path) => path))
  expect(sorted).not.toEqual(sortNatural(onWindows, (path) => path))
})

test("every format is read, whatever the case of its extension, from names with any characters", async () => {
  const names = ["jpg", "JPEG", "png", "WebP", "gif", "tif", "TIFF", "avif"].map(
    (extension) => `a b/ü 图 #%.${extension}`,
  )
  const root = await imageFolder([...names, "𝒸at's/1.png"])
  const dataset = folderDataset(await scanImageFolder(root))
  expect(dataset.classes).toEqual(["a b", "𝒸at's"])
  expect(dataset.length).toBe(9)
  for (let i = 0; i < dataset.length; i++) {
    const { width, height, channels } = await dataset.read(i)
    expect({ width, height, channels }).toEqual({ width: 24, height: 18, channels: 3 })
  }
})

test("hidden files, __MACOSX and pipes are not images", async () => {
  const root = await imageFolder([
    ["cat/1.jpg", ""],
    ["cat/._1.jpg", ""],
    ["cat/.DS_Store", ""],
    ["__MACOSX/cat/1.jpg", ""],
    [".git/cat/1.jpg", ""],
  ])
  if (process.platform !== "win32") execFileSync("mkfifo", [join(root, "cat/pipe.jpg")])
  expect((await layoutOf(root)).files).toEqual(["cat/1.jpg 0"])
})

test("links are followed, loops end, and a link to nothing is left to the loader to report", async () => {
  const root = await imageFolder([
    ["cat/1.jpg", ""],
    ["dog/1.jpg", ""],
  ])
  const elsewhere = await imageFolder([["2.jpg", ""]])
  symlinkSync("..", join(root, "cat", "up"))
  symlinkSync(".", join(root, "dog", "self"))
  symlinkSync("itself", join(root, "dog", "itself"))
  symlinkSync(elsewhere, join(root, "hen"))
  symlinkSync(join(elsewhere, "2.jpg"), join(root, "dog", "2.jpg"))
  symlinkSync("nowhere.jpg", join(root, "dog", "3.jpg"))
  expect((await layoutOf(root)).files).toEqual([
    "cat/1.jpg 0",
    "dog/1.jpg 1",
    "dog/2.jpg 1",
    "dog/3.jpg 1",
    "hen/2.jpg 2",
  ])
})

test("one accented letter is one class, stored as one character or as two", async () => {
  const root = await imageFolder([
    ["a/caf\u00e9/1.jpg", ""],
    ["b/cafe\u0301/2.jpg", ""],
  ])
  const { classes, files, warnings } = await layoutOf(root)
  expect(classes).toEqual(["caf\u00e9"])
  expect(files).toHaveLength(2)
  expect(warnings).toEqual([expect.stringMatching(/^class "café" gathers the folders a\/café, b\/cafe\u0301$/)])
})

test("a folder without images, or with no class folders, is refused with the layout that is expected", async () => {
  const empty = temporaryFolder()
  await expect(scanImageFolder(empty)).rejects.toThrow(InputError)
  await expect(scanImageFolder(empty)).rejects.toThrow(/there are no images .*\.jpg.*Expected one subfolder of images/)
  const text = await imageFolder([["cat/readme.txt", ""]])
  await expect(scanImageFolder(text)).rejects.toThrow(/there are no images/)
  const flat = await imageFolder([
    ["1.jpg", ""],
    ["2.jpg", ""],
  ])
  await expect(scanImageFolder(flat)).rejects.toThrow(/holds images \(2\) but no folders of classes/)
})

test("train, val and test are parts when they hold folders, by any of their names", async () => {
  const root = await imageFolder([
    ["Train/cat/1.jpg", ""],
    ["validation/cat/1.jpg", ""],
    ["test/1.jpg", ""],
    ["labels/1.txt", ""],
  ])
  expect(await findParts(root)).toEqual({
    train: join(root, "Train"),
    val: join(root, "validation"),
    others: ["labels", "test"],
  })
})

test("a class may be called train", async () => {
  const root = await imageFolder([
    ["train/1.jpg", ""],
    ["tram/1.jpg", ""],
  ])
  expect(await findParts(root)).toEqual({ others: ["train", "tram"] })
})

test("val/ without class folders beside a train/ that has them is refused", async () => {
  const root = await imageFolder([["train/cat/1.jpg", ""]])
  mkdirSync(join(root, "val"))
  await expect(findParts(root)).rejects.toThrow(/val holds no folders of classes, while .*train does/)
})
