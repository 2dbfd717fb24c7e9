/** A worker thread that fills batches. It is told what to do by worker-pool.ts. */

import { parentPort, workerData } from "node:worker_threads"
import { type FillFailure, type FillJob, fillSample, sampleWriter, type TransformSpec } from "../fill.ts"
import { decodeImage } from "./decode.ts"

/** A job that all workers are given; each takes the next sample of it that no other has taken. */
export interface SharedJob extends FillJob {
  id: number
  /** One number, in shared memory: how many of the samples have been taken. */
  taken: Int32Array
}

/** A worker's part of a job is done. */
export interface JobReport {
  id: number
  failures: FillFailure[]
  /** What made the job fail; an image that cannot be read does not. */
  error?: Error
}

/** While one image is decoded by a thread of sharp, another is transformed here. */
const lanes = 2

const port = parentPort!
const write = sampleWriter(workerData as TransformSpec)

let last = Promise.resolve()
port.on("message", (message: SharedJob | "close") => {
  last = last.then(async () => {
    if (message === "close") port.close()
    else port.postMessage(await work(message))
  })
})

async function work(job: SharedJob): Promise<JobReport> {
  const failures: FillFailure[] = []
  const takeSamples = async () => {
    for (;;) {
      const sample = job.samples[Atomics.add(job.taken, 0, 1)]
      if (!sample) return
      const failure = await fillSample(sample, job, () => decodeImage(sample.source), write)
      if (failure) failures.push(failure)
    }
  }
  try {
    await Promise.all(Array.from({ length: lanes }, takeSamples))
    return { id: job.id, failures }
  } catch (error) {
    return { id: job.id, failures, error: error as Error }
  }
}
