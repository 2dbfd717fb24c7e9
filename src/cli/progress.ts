/** Progress of a training run on stderr: a bar on a terminal, a line for each epoch everywhere. */

import type { TrainStart, TrainStep } from "../run/train.ts"
import type { EpochRecord } from "../train/record.ts"
import { formatCount, formatDuration, formatPercent } from "./table.ts"

export interface Progress {
  start(start: TrainStart): void
  step(step: TrainStep): void
  epoch(record: EpochRecord): void
  message(text: string): void
  /** Removes the bar and shows the cursor again. */
  stop(): void
}

/** One epoch in one line. */
export function epochLine(record: EpochRecord, epochs: number): string {
  const epoch = `epoch ${String(record.epoch).padStart(String(epochs).length)}/${epochs}`
  const loss = `loss ${record.trainLoss.toFixed(4)}, val ${record.valLoss.toFixed(4)}`
  const accuracy = `top-1 ${formatPercent(record.top1)}`
  return `${epoch}  ${loss}  ${accuracy}  ${Math.round(record.imagesPerSecond)} images/s  ${formatDuration(record.seconds)}`
}

/** What is about to be trained, in one line. */
export function startLine(start: TrainStart): string {
  const { model, parameters, trainedParameters, epochs, firstEpoch, stepsPerEpoch, accumulate, folder } = start
  const exact = (count: number) => count.toLocaleString("en-US")
  const what =
    trainedParameters === parameters
      ? `${model} (${formatCount(parameters)} parameters)`
      : `${exact(trainedParameters)} of ${exact(parameters)} parameters of ${model}`
  const span = firstEpoch > 1 ? `epochs ${firstEpoch} to ${epochs}` : `${epochs} ${epochs === 1 ? "epoch" : "epochs"}`
  const count = (one: string, many: string) => `${stepsPerEpoch} ${stepsPerEpoch === 1 ? one : many}`
  const work = accumulate === 1 ? count("step", "steps") : `${count("batch", "batches")}, ${accumulate} to a step,`
  return `training ${what} for ${span} of ${work} in ${folder}`
}

/** Progress that suits `stream`: terminals get a bar with the time that is left. */
export async function createProgress(stream: NodeJS.WriteStream): Promise<Progress> {
  return stream.isTTY ? barProgress(stream) : lineProgress((line) => stream.write(`${line}\n`))
}

/** One plain line for the start, each epoch and each message. */
export function lineProgress(write: (line: string) => void): Progress {
  let epochs = 0
  return {
    start(start) {
      epochs = start.epochs
      write(startLine(start))
    },
    step() {},
    epoch: (record) => write(epochLine(record, epochs)),
    message: write,
    stop() {},
  }
}

async function barProgress(stream: NodeJS.WriteStream): Promise<Progress> {
  const { MultiBar, Presets } = await import("cli-progress")
  // Ctrl-C is the command's to handle: it saves a checkpoint first.
  const format = "{bar} {percentage}%  epoch {epoch}  loss {loss}  {speed} images/s  {eta_formatted} left"
  const options = { stream, format, barsize: 24, hideCursor: true, clearOnComplete: true, gracefulExit: false }
  const bars = new MultiBar(options, Presets.shades_grey)
  let started: TrainStart | undefined
  let bar: ReturnType<typeof bars.create> | undefined
  const write = (line: string) => (bar ? bars.log(`${line}\n`) : stream.write(`${line}\n`))
  return {
    start(start) {
      write(startLine(start))
      started = start
      const steps = (start.epochs - start.firstEpoch + 1) * start.stepsPerEpoch
      bar = bars.create(steps, 0, { epoch: start.firstEpoch, loss: "-", speed: "-" })
    },
    step({ epoch, step, loss, imagesPerSecond }) {
      if (!started || !bar) return
      const done = (epoch - started.firstEpoch) * started.stepsPerEpoch + step
      bar.update(done, { epoch, loss: loss.toFixed(4), speed: Math.round(imagesPerSecond) })
    },
    epoch: (record) => write(epochLine(record, started?.epochs ?? record.epoch)),
    message: write,
    stop() {
      if (!bar) return
      // Lines that were logged since the last redraw are written by the next one.
      bars.update()
      bars.stop()
      bar = undefined
    },
  }
}
