/** Where a training keeps its values and computes its updates: host memory, or a device with a memory of its own. */

import type { StateDict } from "../models/network.ts"
import type { OptimizerSpec, ParameterGroup } from "../optim/index.ts"
import type { Backend, Value } from "../runtime/backend.ts"
import type { NdArray } from "../tensor/ndarray.ts"
import type { StepGraph } from "./step-graph.ts"

export interface EngineOptions {
  /** Name of the model, for what ONNX Runtime says. */
  name: string
  backend: Backend
  threads?: number
  /** All values that the graphs read besides the batch, by name. They are changed in place. */
  weights: StateDict
  /** Names of the weights that the graphs may give a new value with every batch: running statistics. */
  buffers: readonly string[]
  /** The parameters that learn. */
  groups: readonly ParameterGroup[]
  optimizer: OptimizerSpec
  /** Largest norm of the gradients. Default: none. */
  clipGradNorm?: number
  /** Batches whose gradients are averaged for one update. Default 1. */
  accumulate?: number
  /** Keep a moving average of parameters and buffers. */
  ema: boolean
}

/** One batch. */
export interface EngineBatch {
  /** Names the graph: batches with the same key share it. */
  key: string
  /** Makes the graph of the key. */
  trace(): Pick<StepGraph, "graph" | "maxima" | "anonymousDims" | "buffers">
  feeds: Readonly<Record<string, NdArray>>
  lr: number
  /** Decay of the moving average for this update. */
  emaDecay?: number
}

export interface EngineStepResult {
  loss: number
  /** L2 norm of all gradients before clipping; of the sum so far while gradients accumulate. */
  gradNorm: number
  /** False if the loss or a gradient is not finite: everything is as it was before the batch then. */
  finite: boolean
  /** True if the parameters were updated, false if the gradients were only added up. */
  updated: boolean
}

export interface Counters {
  updates: number
  batches: number
}

export interface TrainingEngine {
  readonly counters: Counters
  /** One batch: forward, backward, and once enough batches are accumulated the update. */
  step(batch: EngineBatch): Promise<EngineStepResult>
  /** Loss and gradients of one batch, in host memory, with nothing updated. */
  gradients(batch: Omit<EngineBatch, "lr">): Promise<{ loss: number; gradients: StateDict }>
  /** True while `weights`, `averages` and `state` are behind what the device holds: see `sync`. */
  readonly stale: boolean
  /** Takes over weights that were replaced in host memory. */
  reload(): Promise<void>
  /** Brings the values in host memory up to date. */
  sync(): Promise<void>
  /** The moving average of parameters that learn and of buffers, in host memory; undefined if none is kept. */
  readonly averages: StateDict | undefined
  /** What a resumed run needs besides the weights, in host memory: `optimizer/..`, `ema/..`, `accumulated/..`. */
  state(): StateDict
  /** Takes back what `state` gave, and the weights. Throws an InputError if it belongs to another training. */
  restore(state: Readonly<StateDict>, counters: Counters): Promise<void>
  /** Values of all weights, or of their averages, to feed a program of the same backend with. */
  values(ema: boolean): Readonly<Record<string, Value>>
  /** Frees what the device holds. */
  dispose(): Promise<void>
}

/** Compiled graphs that are kept for batches of different shapes. */
export const PROGRAM_CACHE = 4
