/** What a run remembers of its data, by which other images are told from those that it began with. */

import { createHash } from "node:crypto"
import { relative } from "node:path"
import { z } from "zod"
import type { DataSplits } from "../data/dataset.ts"
import { embeddedFolder } from "../data/node/open.ts"

export const dataRecord = z.object({
  /** Numbers of images to learn from and to measure on. */
  train: z.number(),
  val: z.number(),
  /** SHA-256 of the names and classes of all images in their order: the draws of training go by it. */
  hash: z.string(),
})

export type DataRecord = z.infer<typeof dataRecord>

/** The record of `splits`. Where `folder` itself lies does not count: data may be moved as a whole. */
export function recordData({ train, val }: DataSplits, folder: string = embeddedFolder): DataRecord {
  const hash = createHash("sha256")
  for (const { kind, length, labels, source } of [train, val]) {
    for (let i = 0; i < length; i++) {
      const name = kind === "files" ? relative(folder, source(i)) : source(i)
      hash.update(`${name}\0${labels[i]}\n`)
    }
  }
  return { train: train.length, val: val.length, hash: hash.digest("hex") }
}

/** In what the data differs from what it was, in words; undefined if it does not. */
export function describeChange(before: DataRecord, now: DataRecord): string | undefined {
  if (before.train !== now.train || before.val !== now.val) {
    return `${counts(before)} then, ${counts(now)} now`
  }
  return before.hash === now.hash ? undefined : `as many images as then (${counts(now)}), but other files`
}

function counts({ train, val }: DataRecord): string {
  return `${train} images to learn from and ${val} to measure on`
}
