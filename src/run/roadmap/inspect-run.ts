/** Looks at the network of a run beyond its accuracy, on images that it did not learn from. */

import { resolveDataConfig } from "../../data/config.ts"
import type { Dataset } from "../../data/dataset.ts"
import { createLoader } from "../../data/node/loader.ts"
import { embeddedFolder } from "../../data/node/open.ts"
import type { Model } from "../../models/model.ts"
import { type InspectOptions, inspectModel, type StepInspection } from "../../roadmap/inspect.ts"
import { checkCount, InputError } from "../../tensor/errors.ts"
import { type NdArray, ndarray } from "../../tensor/ndarray.ts"
import { loadRun } from "../checkpoint.ts"
import { readRunConfig } from "../config.ts"
import { openRunFolder } from "../folder.ts"
import { openHeldOut } from "../held-out.ts"
import { spread } from "../spread.ts"

export interface InspectRunOptions extends InspectOptions {
  /** The most images to look at, evenly spaced over those that the run held out. Default 200. */
  limit?: number
  /** A device's name, as `createModel` takes it. Default "auto". */
  device?: string
  /** Threads of one run of the network. Default: the cores there are. */
  threads?: number
}

/** Images that are read at a time. */
const BATCH = 32

/**
 * Consistency under shifts and effective receptive field of a run's last weights, on images of its own data that it
 * held out.
 * @param folder of the run
 * Throws an InputError for a folder that is no run or has no checkpoint yet, and where its data cannot be read.
 */
export async function inspectRun(folder: string, options: InspectRunOptions = {}): Promise<StepInspection> {
  const { limit = 200, device, threads, ...inspection } = options
  checkCount("limit", limit)
  const paths = await openRunFolder(folder)
  const { data = embeddedFolder } = (await readRunConfig(paths.config)).options
  const model = await loadRun(folder, { checkpoint: "last", device, threads })
  try {
    const { dataset } = await openHeldOut(folder, data, model.classes!)
    const images = await readImages(spread(dataset, limit), model)
    if (images === undefined) throw new InputError(`no image of ${data} could be read`)
    return await inspectModel(model, images, inspection)
  } finally {
    await model.dispose()
  }
}

/** All images of a dataset that can be read, as the model takes them; undefined if there is none. */
async function readImages(dataset: Dataset, { dataConfig }: Model): Promise<NdArray | undefined> {
  const config = resolveDataConfig(dataConfig)
  const loader = createLoader(dataset, { batchSize: BATCH, config, mode: "eval" })
  try {
    const batches: Float32Array[] = []
    // The loader uses the memory of a batch again.
    for await (const { images } of loader.epoch(0)) batches.push(images.data.slice())
    const length = batches.reduce((sum, batch) => sum + batch.length, 0)
    if (length === 0) return undefined
    const values = new Float32Array(length)
    let offset = 0
    for (const batch of batches) {
      values.set(batch, offset)
      offset += batch.length
    }
    const { height, width, channels } = config
    return ndarray(values, [length / (height * width * channels), height, width, channels])
  } finally {
    await loader.close()
  }
}
