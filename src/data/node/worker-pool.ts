/**
 * Filling batches with worker threads. A training step blocks the calling thread for a second or more, so nothing that
 * a worker needs may wait for that thread: every job is sent to all workers at once, long before its batch is wanted,
 * and they divide its samples among themselves through a counter in shared memory.
 */

import { Worker } from "node:worker_threads"
import type { Filler, FillFailure, TransformSpec } from "../fill.ts"
import type { JobReport, SharedJob } from "./worker.ts"

/** Workers run built JavaScript; from the sources, as in tests, that is the same file below dist/. */
const workerFile = import.meta.url.endsWith(".ts") ? "../../../dist/data/node/worker.js" : "./worker.js"

/** How long closing waits for an image that is being decoded. */
const closeTimeoutMs = 2000

interface PendingJob {
  taken: Int32Array
  /** Workers that have not reported yet. */
  waiting: number
  failures: FillFailure[]
  error?: Error
  resolve(failures: FillFailure[]): void
  reject(error: Error): void
}

/**
 * Starts `count` workers that decode files and transform them as `spec` says. A worker that stops by itself makes all
 * jobs reject, those to come too.
 */
export function workerFiller(spec: TransformSpec, count: number): Filler {
  const jobs = new Map<number, PendingJob>()
  let nextId = 0
  let stopped: Error | undefined

  const workers = Array.from({ length: count }, () => {
    const worker = new Worker(new URL(workerFile, import.meta.url), { workerData: spec })
    worker.unref()
    worker.on("message", receive)
    worker.on("error", (error) =>
      stop(new Error(`a worker that reads images failed: ${error.message}`, { cause: error })),
    )
    worker.on("exit", (code) => stop(new Error(`a worker that reads images stopped with code ${code}`)))
    return worker
  })
  const ended = workers.map((worker) => new Promise<void>((resolve) => worker.once("exit", () => resolve())))

  function receive({ id, failures, error }: JobReport): void {
    const job = jobs.get(id)
    if (!job) return
    job.failures.push(...failures)
    job.error ??= error
    job.waiting--
    if (job.waiting > 0) return // others may still write to the batch
    forget(id)
    if (job.error) job.reject(job.error)
    else job.resolve(job.failures)
  }

  /** The workers keep the process alive only while there is something for them to do. */
  function forget(id: number): void {
    jobs.delete(id)
    if (jobs.size === 0) for (const worker of workers) worker.unref()
  }

  function stop(reason: Error): void {
    stopped ??= reason
    for (const [id, job] of jobs) {
      job.reject(stopped)
      forget(id)
    }
  }

  function cancel(): void {
    for (const { taken } of jobs.values()) Atomics.store(taken, 0, 2 ** 30)
  }

  return {
    allocate: (length) => new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT)),
    fill(job) {
      if (stopped) return Promise.reject(stopped)
      const id = nextId++
      const taken = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
      return new Promise((resolve, reject) => {
        jobs.set(id, { taken, waiting: count, failures: [], resolve, reject })
        const message: SharedJob = { ...job, id, taken }
        for (const worker of workers) {
          worker.ref()
          worker.postMessage(message)
        }
      })
    },
    cancel,
    async close() {
      cancel()
      stop(new Error("the loader is closed"))
      for (const worker of workers) {
        worker.ref()
        worker.postMessage("close")
      }
      const timer = setTimeout(() => {
        for (const worker of workers) worker.terminate()
      }, closeTimeoutMs)
      await Promise.all(ended)
      clearTimeout(timer)
    },
  }
}
