/** Opens the data that a user names: an image folder or a folder of IDX files, to train on or to measure a model on. */

import { stat } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { InputError } from "../../tensor/errors.ts"
import { countByClass, type DataSplits, type Dataset, type EvalData, type MemoryDataset, subset } from "../dataset.ts"
import { stratifiedSplit } from "../split.ts"
import {
  expectedLayout,
  findParts,
  folderDataset,
  listNames,
  type PartName,
  type Parts,
  scanImageFolder,
} from "./folder.ts"
import { findIdxFiles, type IdxFiles, readIdxPart, readLabelNames } from "./idx.ts"

export interface OpenOptions {
  /** The part of each class to measure on, where the data is not divided already; above 0, below 1. Default 0.2. */
  valFraction?: number
  /** Seed of that division. Default 0. */
  seed?: number
  /** The part of the data to measure on. Default: `val`, or `test` where there is no `val`. */
  split?: "val" | "test"
}

/**
 * The part of Fashion-MNIST that comes with the package: 10,000 images to learn from and 2,000 to measure on. A data
 * folder like any other.
 */
export const embeddedFolder = fileURLToPath(new URL("../../../assets/fashion-mnist", import.meta.url))

/** Some of its images to measure on, as PNG files. */
export const embeddedExamples = join(embeddedFolder, "examples")

/** Opens the images that come with the package. */
export async function openEmbedded(): Promise<DataSplits> {
  const splits = await openDataset(embeddedFolder)
  return { ...splits, description: `a part of Fashion-MNIST: ${splits.description}` }
}

/**
 * Opens a data folder to train on: a subfolder of images for each class, or `train/` and `val/` (also `validation/`,
 * `valid/`, `test/`) with such subfolders, or IDX files with the names of MNIST's. Data that is not divided yet is
 * divided class by class.
 *
 * Throws an InputError if the folder is missing, has another layout, or has fewer than two classes.
 */
export async function openDataset(path: string, options: OpenOptions = {}): Promise<DataSplits> {
  await checkFolder(path)
  const idx = await findIdxFiles(path)
  const splits =
    idx.train || idx.test ? await openIdx(path, idx, options) : await openFolder(path, await findParts(path), options)
  if (splits.classes.length < 2) {
    throw new InputError(
      `${path} has one class only, "${splits.classes[0]}"; a classifier needs two or more. ${expectedLayout}`,
    )
  }
  return splits
}

/**
 * Opens a data folder to measure a model on that knows `classes`. Takes the part named `split`; without it `val`, else
 * `test`, else all images.
 *
 * Throws an InputError if the folder is missing, lacks that part, or has classes that the model does not know.
 */
export async function openForEval(path: string, classes: readonly string[], split?: PartName): Promise<EvalData> {
  await checkFolder(path)
  const idx = await findIdxFiles(path)
  if (idx.train || idx.test) return openIdxForEval(path, idx, classes, split)
  return openFolderForEval(path, await findParts(path), classes, split)
}

async function checkFolder(path: string): Promise<void> {
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === "ENOENT" ? "there is no such folder" : error.message
    throw new InputError(`cannot open the data ${path}: ${reason}. ${expectedLayout}`)
  })
  if (!stats.isDirectory()) throw new InputError(`cannot open the data ${path}: it is a file. ${expectedLayout}`)
}

async function openFolder(path: string, parts: Parts, options: OpenOptions): Promise<DataSplits> {
  const valPath = choosePart(path, parts, options.split)
  if (!parts.train && valPath && options.split) throw new InputError(`${path} has no train/ to learn from`)
  const train = await scanImageFolder(parts.train ?? path)
  if (parts.train && parts.others.length > 0) {
    train.warnings.push(`folders beside ${parts.train} are left out: ${listNames(parts.others)}`)
  }
  if (!parts.train || !valPath) return divide(folderDataset(train), "image folder", 3, train.warnings, options)

  const val = await scanImageFolder(valPath)
  const onlyInVal = without(val.classes, train.classes)
  if (onlyInVal.length > 0) {
    throw new InputError(
      `${valPath} has classes that ${train.root} has not: ${listNames(onlyInVal)}. Both need the same class folders`,
    )
  }
  const warnings = [...train.warnings, ...val.warnings]
  const onlyInTrain = without(train.classes, val.classes)
  if (onlyInTrain.length > 0) warnings.push(`classes without images in ${valPath}: ${listNames(onlyInTrain)}`)
  return {
    train: folderDataset(train),
    val: folderDataset(val, train.classes),
    classes: train.classes,
    description: describe("image folder", train.files.length, val.files.length, train.classes.length),
    channels: 3,
    warnings,
  }
}

/** The part to measure on. Throws an InputError if the one that was asked for is not there. */
function choosePart(path: string, parts: Parts, split?: PartName): string | undefined {
  if (split && !parts[split]) throw new InputError(`${path} has no folder ${split}/ with folders of classes`)
  return split ? parts[split] : (parts.val ?? parts.test)
}

async function openFolderForEval(
  path: string,
  parts: Parts,
  classes: readonly string[],
  split?: PartName,
): Promise<EvalData> {
  const part = choosePart(path, parts, split)
  const folder = await scanImageFolder(part ?? parts.train ?? path)
  checkKnown(folder.root, folder.classes, classes)
  const warnings = [...folder.warnings]
  if (parts.train && !part) warnings.push(`${path} has no val/ or test/: the images of train/ are measured`)
  const dataset = folderDataset(folder, classes)
  return { dataset, description: `${format(dataset.length)} images of ${folder.root}`, channels: 3, warnings }
}

/** Throws an InputError that lists the names that are not among the model's classes, if there are any. */
function checkKnown(where: string, names: readonly string[], classes: readonly string[]): void {
  const known = classes.map((name) => name.normalize("NFC"))
  const unknown = without(names, known)
  if (unknown.length > 0) {
    throw new InputError(
      `${where} has classes that the model does not know: ${listNames(unknown)}. ` +
        `Its ${classes.length} classes are ${listNames(classes)}`,
    )
  }
}

async function openIdx(path: string, files: IdxFiles, options: OpenOptions): Promise<DataSplits> {
  if (!files.train) throw new InputError(`${path} has no train-images-idx3-ubyte to learn from`)
  const train = await readIdxPart(files.train)
  const val = files.test && (await readIdxPart(files.test))
  if (val && !sameSize(train, val)) {
    throw new InputError(
      `the images of ${path} differ in size: ${sizeText(train)} to learn from, ${sizeText(val)} to test`,
    )
  }
  const counted = val && val.classes.length > train.classes.length ? val.classes : train.classes
  const classes = await nameClasses(path, counted)
  const kind = `IDX files, ${sizeText(train)}`
  const imageSize: [number, number] = [train.height, train.width]
  if (!val) return { ...divide({ ...train, classes }, kind, train.channels, [], options), imageSize }
  return {
    train: { ...train, classes },
    val: { ...val, classes },
    classes,
    description: describe(kind, train.length, val.length, classes.length),
    channels: train.channels,
    imageSize,
    warnings: [],
  }
}

async function openIdxForEval(
  path: string,
  files: IdxFiles,
  classes: readonly string[],
  split?: PartName,
): Promise<EvalData> {
  const chosen = split === undefined ? (files.test ?? files.train) : split === "train" ? files.train : files.test
  if (!chosen) throw new InputError(`${path} has no IDX files of its ${split} part`)
  const read = await readIdxPart(chosen)
  const names = await readLabelNames(path)
  // Without names the labels are taken for the model's own numbers.
  const nameOf = (label: number) => ((names ?? classes)[label] ?? String(label)).normalize("NFC")
  const counts = countByClass(read.labels, read.classes.length)
  const present = [...counts.keys()].filter((label) => counts[label]! > 0)
  checkKnown(path, present.map(nameOf), classes)
  const known = new Map(classes.map((name, label) => [name.normalize("NFC"), label]))
  const labels = read.labels.map((label) => known.get(nameOf(label))!)
  return {
    dataset: { ...read, classes, labels },
    description: `${format(read.length)} images of ${path}`,
    channels: read.channels,
    imageSize: [read.height, read.width],
    warnings: [],
  }
}

/** The names of `labels.txt` for the classes of IDX files, which know numbers only. */
async function nameClasses(path: string, numbers: readonly string[]): Promise<readonly string[]> {
  const names = await readLabelNames(path)
  if (names && names.length < numbers.length) {
    throw new InputError(
      `${path}/labels.txt names ${names.length} classes, but the labels go up to ${numbers.length - 1}`,
    )
  }
  return names ?? numbers
}

function divide(
  dataset: Dataset,
  kind: string,
  channels: 1 | 3,
  warnings: string[],
  { valFraction = 0.2, seed = 0 }: OpenOptions,
): DataSplits {
  const { classes, labels } = dataset
  const { train, val } = stratifiedSplit(labels, valFraction, seed)
  if (val.length === 0)
    throw new InputError(`no class of the ${kind} has more than one image: there is none to measure on`)
  const counts = countByClass(labels, classes.length)
  const single = classes.filter((_, label) => counts[label] === 1)
  if (single.length > 0) {
    warnings = [
      ...warnings,
      `classes with a single image, which is learned from and never measured: ${listNames(single)}`,
    ]
  }
  return {
    train: subset(dataset, train),
    val: subset(dataset, val),
    classes,
    description: `${describe(kind, train.length, val.length, classes.length)} (${Number((valFraction * 100).toPrecision(3))}% of each class)`,
    channels,
    warnings,
  }
}

function describe(kind: string, train: number, val: number, classes: number): string {
  return `${kind}, ${classes} classes, ${format(train)} images to learn from, ${format(val)} to measure on`
}

function without(names: readonly string[], known: readonly string[]): string[] {
  const set = new Set(known)
  return names.filter((name) => !set.has(name))
}

function sameSize(a: MemoryDataset, b: MemoryDataset): boolean {
  return a.height === b.height && a.width === b.width && a.channels === b.channels
}

function sizeText({ height, width, channels }: MemoryDataset): string {
  return `${width} x ${height} ${channels === 1 ? "gray" : "colour"}`
}

function format(count: number): string {
  return count.toLocaleString("en-US")
}
