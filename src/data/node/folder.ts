/**
 * Image folders: a subfolder for each class, alone or inside `train/` and `val/`. Classes are named, numbered and
 * ordered as timm does (timm/data/readers/reader_image_folder.py): an image belongs to the folder that holds it, however
 * deep that lies, and classes and files are in natural order.
 */

import { type Dirent, type Stats, statSync } from "node:fs"
import { readdir, realpath } from "node:fs/promises"
import { basename, join, relative, sep } from "node:path"
import { InputError } from "../../tensor/errors.ts"
import type { FileDataset } from "../dataset.ts"
import { hasImageExtension, imageExtensions } from "../format.ts"
import { compareNatural, sortNatural } from "../natural-order.ts"
import { decodeImage } from "./decode.ts"

/** What a folder must look like, for messages. */
export const expectedLayout =
  "Expected one subfolder of images for each class, or train/ and val/ with such subfolders, or the IDX files of MNIST"

/** The part of a data folder that is learned from, and those that can be measured on. */
export type PartName = "train" | "val" | "test"

/** Names that folders give to the parts, as timm knows them. */
const partNames: Record<PartName, readonly string[]> = {
  train: ["train", "training"],
  val: ["val", "validation", "valid", "eval", "evaluation"],
  test: ["test", "testing"],
}

/** The images below a folder, by class. */
export interface ImageFolder {
  root: string
  /** In natural order. Only folders that hold an image are classes. */
  classes: string[]
  /** Paths in natural order, and the class of each. */
  files: { path: string; className: string }[]
  warnings: string[]
}

/**
 * Lists the images below `root`. Hidden files and `__MACOSX` are skipped, links are followed, and a folder that links
 * lead to twice is read once. Throws an InputError if no class folder holds an image.
 */
export async function scanImageFolder(root: string): Promise<ImageFolder> {
  const walk: Walk = { root, visited: new Set(), files: [], loose: 0, empty: [], homes: new Map() }
  await visit(root, walk)
  if (walk.files.length === 0) {
    throw new InputError(
      walk.loose > 0
        ? `${root} holds images (${walk.loose}) but no folders of classes. ${expectedLayout}`
        : `there are no images (${imageExtensions.join(" ")}) below ${root}. ${expectedLayout}`,
    )
  }
  return {
    root,
    classes: [...walk.homes.keys()].sort(compareNatural),
    files: sortNatural(walk.files, ({ path }) => portablePath(path)),
    warnings: describeOddities(walk),
  }
}

/** The path with "/" between its parts, so that the order of files, and how they are divided, is the same on Windows. */
export function portablePath(path: string, separator: string = sep): string {
  return path.replaceAll(separator, "/")
}

interface Walk {
  root: string
  /** Real paths of the folders that were read: a link back into one of them would never end. */
  visited: Set<string>
  files: { path: string; className: string }[]
  /** Number of images that lie in the root itself, in no class. */
  loose: number
  /** Folders without images and without subfolders. */
  empty: string[]
  /** The folders that each class was found in. */
  homes: Map<string, string[]>
}

async function visit(folder: string, walk: Walk): Promise<void> {
  const real = await realpath(folder)
  if (walk.visited.has(real)) return
  walk.visited.add(real)

  const { files, folders } = await list(folder)
  const images = files.filter(hasImageExtension)
  if (folder === walk.root) {
    walk.loose = images.length
  } else if (images.length > 0) {
    // macOS may store an accented letter as two characters, so that the same name would be two classes.
    const className = basename(folder).normalize("NFC")
    for (const name of images) walk.files.push({ path: join(folder, name), className })
    walk.homes.set(className, [...(walk.homes.get(className) ?? []), relative(walk.root, folder)])
  } else if (folders.length === 0) {
    walk.empty.push(relative(walk.root, folder))
  }
  for (const name of folders) await visit(join(folder, name), walk)
}

/** Names of the files and folders in a folder, in natural order; links count as what they lead to. */
async function list(folder: string): Promise<{ files: string[]; folders: string[] }> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: Error) => {
    throw new InputError(`cannot read the folder ${folder}: ${error.message}`)
  })
  const files: string[] = []
  const folders: string[] = []
  for (const entry of sortNatural(entries, ({ name }) => name)) {
    if (entry.name.startsWith(".") || entry.name === "__MACOSX") continue
    const kind = kindOf(folder, entry)
    if (kind === "folder") folders.push(entry.name)
    else if (kind === "file") files.push(entry.name)
  }
  return { files, folders }
}

/** A link to nothing counts as a file: the loader reports what it cannot read. Pipes and sockets are no files. */
function kindOf(folder: string, entry: Dirent): "file" | "folder" | "other" {
  let target: Dirent | Stats = entry
  if (entry.isSymbolicLink()) {
    try {
      target = statSync(join(folder, entry.name))
    } catch {
      return "file"
    }
  }
  return target.isDirectory() ? "folder" : target.isFile() ? "file" : "other"
}

function describeOddities({ root, loose, empty, homes }: Walk): string[] {
  const warnings: string[] = []
  if (loose > 0) warnings.push(`images in ${root} itself, outside of any class folder, are left out: ${loose}`)
  if (empty.length > 0) warnings.push(`folders without images are left out: ${listNames(empty)}`)
  for (const [className, folders] of homes) {
    if (folders.length > 1) warnings.push(`class "${className}" gathers the folders ${listNames(folders)}`)
  }
  return warnings
}

/** The folders that hold the parts of a data folder, as far as it has them. */
export interface Parts extends Partial<Record<PartName, string>> {
  /** Names of the folders beside them. */
  others: string[]
}

/**
 * Finds `train/`, `val/` and `test/` by their usual names. A folder is a part only if it holds folders itself: one with
 * images alone may as well be a class that is called so.
 *
 * Throws an InputError if `train/` is a part and `val/` beside it holds no folders of classes.
 */
export async function findParts(root: string): Promise<Parts> {
  const { folders } = await list(root)
  const parts: Parts = { others: [] }
  for (const folder of folders) {
    const part = partOf(folder)
    const isPart = part && parts[part] === undefined && (await list(join(root, folder))).folders.length > 0
    if (isPart) parts[part] = join(root, folder)
    else parts.others.push(folder)
  }
  const flatVal = parts.train && !parts.val && parts.others.find((folder) => partOf(folder) === "val")
  if (flatVal) {
    throw new InputError(
      `${join(root, flatVal)} holds no folders of classes, while ${parts.train} does. ${expectedLayout}`,
    )
  }
  return parts
}

function partOf(folder: string): PartName | undefined {
  const known = Object.entries(partNames) as [PartName, readonly string[]][]
  return known.find(([, names]) => names.includes(folder.toLowerCase()))?.[0]
}

/** A dataset of the folder's files. Every class of `folder` must be among `classes`, whose order gives the labels. */
export function folderDataset(folder: ImageFolder, classes: readonly string[] = folder.classes): FileDataset {
  const labelOf = new Map(classes.map((name, label) => [name.normalize("NFC"), label]))
  const paths = folder.files.map(({ path }) => path)
  return {
    kind: "files",
    classes,
    length: paths.length,
    labels: Int32Array.from(folder.files, ({ className }) => labelOf.get(className)!),
    source: (index) => paths[index]!,
    read: (index) => decodeImage(paths[index]!),
  }
}

/** The first few of many names, for a message. */
export function listNames(names: readonly string[], most = 5): string {
  const listed = names.slice(0, most).join(", ")
  return names.length > most ? `${listed} and ${names.length - most} more` : listed
}
