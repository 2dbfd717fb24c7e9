/** The images that a run did not learn from. */

import { realpath } from "node:fs/promises"
import type { EvalData } from "../data/dataset.ts"
import { embeddedFolder, openDataset, openForEval } from "../data/node/open.ts"
import { readState } from "./checkpoint.ts"
import { readRunConfig } from "./config.ts"
import { describeChange, recordData } from "./data-record.ts"
import { exists, openRunFolder } from "./folder.ts"

/**
 * Opens a data folder to measure the model of a run. If the run learned from a part of the very images that would be
 * measured, only those that it held out are; the warnings say so.
 * @param run the run's folder
 * Throws an InputError for a folder that is no run, and as `openForEval` does.
 */
export async function openHeldOut(run: string, data: string, classes: readonly string[]): Promise<EvalData> {
  const all = await openForEval(data, classes)
  const paths = await openRunFolder(run)
  const { data: learned = embeddedFolder, valFraction, seed } = (await readRunConfig(paths.config)).options
  if (!(await isSame(learned, data))) return all
  const splits = await openDataset(data, { valFraction, seed })
  // Data that was divided by hand: what is measured is no part of what was learned from.
  if (splits.train.length + splits.val.length !== all.dataset.length) return all
  const before = (await exists(paths.state)) ? (await readState(paths)).data : undefined
  const change = before && describeChange(before, recordData(splits, data))
  const warning = change
    ? `${data} has changed since ${run} learned from it (${change}): all images are measured, also those that it learned from`
    : `${run} learned from the other images of ${data}: only the ${splits.val.length} that it held out are measured`
  const dataset = change ? all.dataset : splits.val
  return { ...all, dataset, warnings: [...all.warnings, warning] }
}

async function isSame(first: string, second: string): Promise<boolean> {
  const [a, b] = await Promise.all([first, second].map((path) => realpath(path).catch(() => path)))
  return a === b
}
