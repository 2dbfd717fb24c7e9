/**
 * Training on a device with a memory of its own: weights, gradients, the optimizer's state and the moving average stay
 * there. A batch goes up, the loss and the norm of the gradients come down.
 */

import {
  accumulationGraph,
  averageName,
  type GraphUpdate,
  gradientName,
  graphUpdate,
  slotName,
  sumName,
  updated,
} from "../optim/graph.ts"
import type { DeviceTensor, Value } from "../runtime/backend.ts"
import { DeviceState } from "../runtime/device-state.ts"
import { Program } from "../runtime/program.ts"
import { ProgramCache } from "../runtime/program-cache.ts"
import { type NdArray, zeros } from "../tensor/ndarray.ts"
import { type EngineBatch, type EngineOptions, type EngineStepResult, PROGRAM_CACHE } from "./engine.ts"
import { bufferName, LOSS, type StepGraph } from "./step-graph.ts"

/** As {@link EngineOptions}; what is left out is none. */
export type ResidentTrainingOptions = Omit<EngineOptions, "buffers" | "ema"> &
  Partial<Pick<EngineOptions, "buffers" | "ema">>

/** One batch. */
export type ResidentBatch = Omit<EngineBatch, "trace"> & { trace(): Pick<StepGraph, "graph" | "maxima"> }

/** Copies the weights to the device and prepares the update. Throws a UsageError for an optimizer without a graph. */
export async function createResidentTraining(options: ResidentTrainingOptions): Promise<ResidentTraining> {
  const { backend, groups, optimizer, weights, buffers = [], ema, accumulate = 1 } = options
  // Integers are no averages: of counters the last value counts.
  const averaged = buffers.flatMap((name) => {
    const { dtype, shape } = weights[name]!
    return dtype === "float32" ? [{ name, shape }] : []
  })
  const update = graphUpdate(optimizer, groups, { ...options, averaged })
  const accumulation = accumulate > 1 ? { graph: accumulationGraph(groups, accumulate) } : undefined
  const programs = {
    update: await createProgram(options, "update", update, "gradNorm"),
    accumulation: accumulation && (await createProgram(options, "accumulation", accumulation, "gradNorm")),
  }
  const state = new DeviceState(backend)
  await state.write(weights)
  for (const { name, shape } of groups) {
    for (const slot of update.slots) await state.write({ [slotName(name, slot)]: zeros(shape) })
  }
  for (const { name } of ema ? [...groups, ...averaged] : []) await state.write({ [averageName(name)]: weights[name]! })
  return new ResidentTraining(options, update, programs, state)
}

interface Programs {
  update: Program
  /** Adds gradients up; undefined where each batch is an update. */
  accumulation: Program | undefined
}

export class ResidentTraining {
  readonly #options: ResidentTrainingOptions
  readonly #update: GraphUpdate
  readonly #programs: Programs
  readonly #state: DeviceState
  readonly #gradients = new ProgramCache<Program>(PROGRAM_CACHE, (program) => program.dispose())
  #updates = 0
  #batches = 0

  /** Use {@link createResidentTraining}. */
  constructor(options: ResidentTrainingOptions, update: GraphUpdate, programs: Programs, state: DeviceState) {
    this.#options = options
    this.#update = update
    this.#programs = programs
    this.#state = state
  }

  /** What the optimizer keeps of each parameter, by its names. */
  get slots(): readonly string[] {
    return this.#update.slots
  }

  /** Number of updates and of batches so far. Set them when a state is taken back. */
  get counters(): { updates: number; batches: number } {
    return { updates: this.#updates, batches: this.#batches }
  }

  set counters({ updates, batches }: { updates: number; batches: number }) {
    this.#updates = updates
    this.#batches = batches
  }

  /** Names of all values: weights by their names, `ema/NAME`, `optimizer/NAME.SLOT`, `accumulated/NAME` in between. */
  get names(): string[] {
    return Object.keys(this.#state.values)
  }

  /** A copy of a value. Throws a RangeError for an unknown name. */
  read(name: string): Promise<NdArray> {
    return this.#state.read(name)
  }

  /** Replaces values, for example by those of a checkpoint. */
  write(values: Readonly<Record<string, NdArray>>): Promise<void> {
    return this.#state.write(values)
  }

  /**
   * The values of the device, to feed programs of the same backend without a copy: a validation between updates. They
   * are freed by the next step: do not keep them.
   */
  get values(): Readonly<Record<string, DeviceTensor>> {
    return this.#state.values
  }

  /** One batch: forward, backward, and once enough batches are accumulated the update. */
  async step(batch: ResidentBatch): Promise<EngineStepResult> {
    const { accumulate = 1, groups } = this.#options
    const { loss, gradients, buffers } = await this.#differentiate(batch)
    const isUpdate = (this.#batches + 1) % accumulate === 0
    let change = accumulate > 1 ? await this.#addUp(gradients) : undefined
    if (isUpdate) change = await this.#apply(change ? this.#asGradients(change.values) : gradients, buffers, batch)
    const { gradNorm, values } = change!
    const finite = Number.isFinite(loss) && Number.isFinite(gradNorm)
    if (!finite) {
      disposeAll(values)
      disposeAll(buffers)
      return { loss, gradNorm, finite, updated: false }
    }
    this.#state.replace({ ...values, ...buffers })
    this.#batches++
    if (isUpdate) {
      this.#updates++
      this.#state.dispose(groups.map(({ name }) => sumName(name)))
    }
    return { loss, gradNorm, finite, updated: isUpdate }
  }

  /** Loss and gradients of one batch in host memory, with nothing updated. */
  async gradients(batch: Omit<ResidentBatch, "lr">): Promise<{ loss: number; gradients: Record<string, NdArray> }> {
    const { loss, gradients, buffers } = await this.#differentiate(batch)
    const copies: Record<string, NdArray> = {}
    for (const { name } of this.#options.groups) copies[name] = await gradients[gradientName(name)]!.read()
    disposeAll(gradients)
    disposeAll(buffers)
    return { loss, gradients: copies }
  }

  /** Frees what the device holds. */
  async dispose(): Promise<void> {
    const { update, accumulation } = this.#programs
    await Promise.all([this.#gradients.clear(), update.dispose(), accumulation?.dispose()])
    this.#state.dispose()
  }

  /** Forward and backward: the gradients, and the new values of buffers by their names. */
  async #differentiate({ key, trace, feeds }: Omit<ResidentBatch, "lr">) {
    const create = () => createProgram(this.#options, "gradients", trace(), LOSS)
    const { host, resident } = await this.#gradients.use(key, create, (program) =>
      program.runResident({ ...this.#state.values, ...feeds }),
    )
    const gradients: Record<string, DeviceTensor> = {}
    for (const { name } of this.#options.groups) {
      gradients[gradientName(name)] = resident[gradientName(name)]!
      delete resident[gradientName(name)]
    }
    return { loss: Number(host[LOSS]!.data[0]), gradients, buffers: byStateName(resident, bufferName("")) }
  }

  /** Adds gradients to the sums so far, which begin as zeros. Frees the gradients. */
  async #addUp(gradients: Readonly<Record<string, DeviceTensor>>): Promise<Change> {
    for (const { name, shape } of this.#options.groups) {
      if (!this.#state.has(sumName(name))) await this.#state.write({ [sumName(name)]: zeros(shape) })
    }
    return computeChange(this.#programs.accumulation!, this.#state.values, gradients)
  }

  /** Sums under the names by which the update reads them. */
  #asGradients(sums: Readonly<Record<string, DeviceTensor>>): Record<string, DeviceTensor> {
    return Object.fromEntries(this.#options.groups.map(({ name }) => [gradientName(name), sums[sumName(name)]!]))
  }

  /** New parameters, moments and averages. Frees the gradients. */
  #apply(
    gradients: Readonly<Record<string, DeviceTensor>>,
    buffers: Readonly<Record<string, DeviceTensor>>,
    { lr, emaDecay }: ResidentBatch,
  ): Promise<Change> {
    const scalars = this.#update.scalars({ step: this.#updates + 1, lr, emaDecay })
    return computeChange(this.#programs.update, { ...this.#state.values, ...buffers, ...scalars }, gradients)
  }
}

/** New values of the state, by its names, and the norm of the gradients that they come from. */
interface Change {
  gradNorm: number
  values: Record<string, DeviceTensor>
}

async function computeChange(
  program: Program,
  feeds: Readonly<Record<string, Value>>,
  gradients: Readonly<Record<string, DeviceTensor>>,
): Promise<Change> {
  try {
    const { host, resident } = await program.runResident({ ...feeds, ...gradients })
    return { gradNorm: Number(host.gradNorm!.data[0]), values: byStateName(resident, updated("")) }
  } finally {
    disposeAll(gradients)
  }
}

/** A program with one output for the host; all others stay on the device. */
function createProgram(
  { name, backend, threads }: ResidentTrainingOptions,
  part: string,
  { graph, maxima }: Partial<StepGraph> & Pick<StepGraph, "graph">,
  host: string,
): Promise<Program> {
  const resident = Object.keys(graph).filter((output) => output !== host)
  return Program.create(graph, { name: `${name} ${part}`, backend, threads, maxima, resident })
}

/** Outputs by the names of the values that they replace, which follow a prefix. */
function byStateName(outputs: Readonly<Record<string, DeviceTensor>>, prefix: string): Record<string, DeviceTensor> {
  return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name.slice(prefix.length), value]))
}

function disposeAll(values: Readonly<Record<string, DeviceTensor>>): void {
  for (const value of Object.values(values)) value.dispose()
}
