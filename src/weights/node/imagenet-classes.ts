/** Names of ImageNet's classes, which come along in assets/imagenet. */

import { readFile } from "node:fs/promises"
import { promisify } from "node:util"
import { gunzip } from "node:zlib"
import type { ImageNetSubset } from "../../models/pretrained/index.ts"

/** A class of ImageNet. */
export interface ImageNetClass {
  /** WordNet synset, the name of its folder in the data set: `n01440764`. */
  synset: string
  /** Words for it, separated by commas: `tench, Tinca tinca`. Two classes may have the same. */
  name: string
}

/** Columns of assets/imagenet/classes.tsv.gz between the synset and the name. */
const columns: readonly ImageNetSubset[] = ["1k", "12k", "21k", "22k"]

/**
 * The classes of ImageNet in the order of the logits of weights that were trained on them.
 * @param subset 1k (ILSVRC), 12k (timm's `in12k`), 21k (Google's `in21k`) or 22k (`in22k`, fall 2011)
 */
export async function imagenetClasses(subset: ImageNetSubset): Promise<ImageNetClass[]> {
  const column = 1 + columns.indexOf(subset)
  const classes: ImageNetClass[] = []
  for (const line of (await readTable()).split("\n").slice(1)) {
    const fields = line.split("\t")
    if (fields[column] === "1") classes.push({ synset: fields[0]!, name: fields.at(-1)! })
  }
  return classes
}

async function readTable(): Promise<string> {
  const path = new URL("../../../assets/imagenet/classes.tsv.gz", import.meta.url)
  return (await promisify(gunzip)(await readFile(path))).toString("utf8")
}
