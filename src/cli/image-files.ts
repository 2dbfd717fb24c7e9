/** The image files that a person means by files, folders and patterns. */

import { readdir, stat } from "node:fs/promises"
import { join, relative, sep } from "node:path"
import { hasImageExtension, imageExtensions } from "../data/format.ts"
import { sortNatural } from "../data/natural-order.ts"
import { InputError } from "../tensor/errors.ts"
import { globToRegExp, isGlob } from "./glob.ts"

/**
 * Files stay as they are (also those that do not exist: reading them says so), folders become the images below them,
 * patterns such as `photos/*.jpg` become what they match. The order is that of `inputs`, natural within each.
 * @throws InputError for a folder without images or a pattern that matches nothing.
 */
export async function expandImageFiles(inputs: readonly string[]): Promise<string[]> {
  const files: string[] = []
  for (const input of inputs) {
    const info = await stat(input).catch(() => undefined)
    if (info?.isDirectory()) files.push(...(await imagesBelow(input)))
    else if (info === undefined && isGlob(input)) files.push(...(await filesMatching(input)))
    else files.push(input)
  }
  return [...new Set(files)]
}

async function imagesBelow(folder: string): Promise<string[]> {
  const files = await filesBelow(folder)
  const images = files.filter(hasImageExtension)
  if (images.length === 0) {
    throw new InputError(`there are no images in ${folder}; known are ${imageExtensions.join(" ")}`)
  }
  return images
}

async function filesMatching(pattern: string): Promise<string[]> {
  const parts = pattern.split(/[\\/]/)
  const fixed = parts.findIndex(isGlob)
  const root = fixed === 0 ? "." : parts.slice(0, fixed).join("/") || "/"
  const matcher = globToRegExp(parts.slice(fixed).join("/"))
  const files = await filesBelow(root)
  const matches = files.filter((file) => matcher.test(relative(root, file).replaceAll(sep, "/")))
  if (matches.length === 0) throw new InputError(`no file matches ${pattern}`)
  return matches
}

/** All files below a folder, hidden ones left out and links to folders not followed, in natural order. */
async function filesBelow(folder: string): Promise<string[]> {
  const names = await readdir(folder, { withFileTypes: true })
  const visible = sortNatural(
    names.filter(({ name }) => !name.startsWith(".")),
    ({ name }) => name,
  )
  const files: string[] = []
  for (const entry of visible) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) files.push(...(await filesBelow(path)))
    else files.push(path)
  }
  return files
}
