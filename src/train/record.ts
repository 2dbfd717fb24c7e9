/** What is known of one epoch of training: a row of metrics.csv, a point on the curves of the report. */
export interface EpochRecord {
  /** From 1. */
  epoch: number
  /** Optimizer steps done since the run began. */
  step: number
  /** Mean loss over the epoch's training samples, as the optimizer saw it (with mixup, smoothing and so on). */
  trainLoss: number
  /** Mean loss over the validation samples. */
  valLoss: number
  /** Share of validation samples whose label is the first guess, 0 to 1. */
  top1: number
  /** Share of validation samples whose label is among the first five guesses, 0 to 1. */
  top5: number
  /** Learning rate at the end of the epoch. */
  lr: number
  /** Mean L2 norm of all gradients, before clipping. */
  gradNorm: number
  /** Training throughput. */
  imagesPerSecond: number
  /** Share of the training time spent waiting for data, 0 to 1. */
  waitShare: number
  /** Peak resident memory of the process so far, in bytes. */
  memoryBytes: number
  /** Duration of the epoch with its validation. */
  seconds: number
}
