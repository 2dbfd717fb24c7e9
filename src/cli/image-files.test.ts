import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { InputError } from "../tensor/errors.ts"
import { globToRegExp, isGlob } from "./glob.ts"
import { expandImageFiles } from "./image-files.ts"

describe("glob", () => {
  test.each([
    ["*.jpg", ["a.jpg", ".jpg"], ["a.jpeg", "b/a.jpg", "ajpg"]],
    ["**/*.jpg", ["a.jpg", "b/a.jpg", "c/b/a.jpg"], ["a.png"]],
    ["b/**", ["b/a.jpg", "b/c/d"], ["a/b/c"]],
    ["img?[0-9].{jpg,png}", ["img_7.png", "imgx0.jpg"], ["img7.png", "img_a.png", "img/7.png"]],
    ["[!a]+(1).jpg", ["b+(1).jpg"], ["a+(1).jpg", "b1.jpg"]],
  ])("%s", (pattern, matching, others) => {
    expect(isGlob(pattern)).toBe(true)
    for (const path of matching) expect(path).toMatch(globToRegExp(pattern))
    for (const path of others) expect(path).not.toMatch(globToRegExp(pattern))
  })
})

describe("image files", () => {
  let root: string
  const files = [
    "img10.jpg",
    "img2.JPG",
    "notes.txt",
    "sub dir/deep/a.png",
    "sub dir/b.jpg",
    ".hidden/c.jpg",
    "x[1].jpg",
  ]

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "convnext images "))
    for (const folder of ["sub dir/deep", ".hidden", "empty"]) await mkdir(join(root, folder), { recursive: true })
    for (const file of files) await writeFile(join(root, file), "")
  })
  afterAll(() => rm(root, { recursive: true }))

  const expand = async (...inputs: string[]) =>
    (await expandImageFiles(inputs.map((input) => join(root, input)))).map((file) =>
      file.slice(root.length + 1).replaceAll("\\", "/"),
    )

  test("a folder stands for all images below it, in natural order", async () => {
    expect(await expand(".")).toEqual(["img2.JPG", "img10.jpg", "sub dir/b.jpg", "sub dir/deep/a.png", "x[1].jpg"])
  })

  test("a pattern stands for what it matches", async () => {
    expect(await expand("*.jpg")).toEqual(["img10.jpg", "x[1].jpg"])
    expect(await expand("**/*.{jpg,png}")).toEqual(["img10.jpg", "sub dir/b.jpg", "sub dir/deep/a.png", "x[1].jpg"])
    expect(await expand("sub*/*.jpg")).toEqual(["sub dir/b.jpg"])
  })

  test("files stay in their order and come once; one that exists is no pattern, one that is missing is kept", async () => {
    expect(await expand("x[1].jpg", "missing.jpg", "img2.JPG", "x[1].jpg")).toEqual([
      "x[1].jpg",
      "missing.jpg",
      "img2.JPG",
    ])
  })

  test("a folder without images or a pattern without matches is an error", async () => {
    await expect(expand("empty")).rejects.toThrow(InputError)
    await expect(expand("empty")).rejects.toThrow("there are no images in")
    await expect(expand("*.gif")).rejects.toThrow("no file matches")
    await expect(expand("nowhere/*.gif")).rejects.toThrow("ENOENT")
  })
})
