/** Modules: what a network is made of. A module declares its parameters and children as fields, and computes on tensors. */

import type { DType } from "../tensor/ndarray.ts"
import { input, inputOp, Tensor, withScope } from "../tensor/tensor.ts"
import type { Initializer } from "./initializers.ts"

/**
 * A tensor that training changes. Its name is its path through the fields of the modules that hold it, in timm's
 * spelling: `stages.0.blocks.0.conv_dw.weight`. Its value lies with the model, not here.
 */
export class Parameter extends Tensor {
  /** Gives the first value. */
  readonly initialize: Initializer

  constructor(shape: readonly number[], initialize: Initializer, dtype: DType = "float32") {
    const leaf = input("unnamed parameter", shape, dtype)
    super(leaf.node, 0, leaf)
    // The node's output is the parameter itself, so that tensors found in a graph can be recognised as parameters.
    ;(leaf.node.outputs as Tensor[])[0] = this
    this.initialize = initialize
  }

  get name(): string {
    return (this.node.attributes as { name: string }).name
  }

  set name(name: string) {
    ;(this.node.attributes as { name: string }).name = name
  }

  /** The shape: parameters have no symbolic dimensions. */
  get size(): number[] {
    return this.shape as number[]
  }
}

/** How a forward pass is meant. Nothing in a module asks a global. */
export interface Context {
  /** Training (stochastic depth, batch statistics) or evaluation. */
  readonly training: boolean
  /**
   * Factors [N] for the samples of a residual branch: 0 for dropped ones, 1 / (1 - rate) for the others.
   * Only asked for in training.
   */
  dropPathFactors(rate: number): Tensor
}

/** Evaluation: nothing is random. */
export const evaluation: Context = {
  training: false,
  dropPathFactors: () => {
    throw new Error("stochastic depth is for training only")
  },
}

/** One random tensor that a training step needs. */
export interface DropPathInput {
  name: string
  rate: number
}

/** Training: collects the random tensors that a step must be fed with. */
export class TrainingContext implements Context {
  readonly training = true
  readonly dropPaths: DropPathInput[] = []
  readonly #batch: Tensor["shape"][number]

  /** @param batch the batch dimension of the images. */
  constructor(batch: Tensor["shape"][number]) {
    this.#batch = batch
  }

  dropPathFactors(rate: number): Tensor {
    const name = `drop_path.${this.dropPaths.length}`
    this.dropPaths.push({ name, rate })
    return input(name, [this.#batch])
  }
}

/** A part of a network. Subclasses declare parameters and children as fields and implement `forward`. */
export abstract class Module {
  abstract forward(x: Tensor, context: Context): Tensor
}

/** Applies modules one after the other. */
export function chain(modules: readonly Module[], x: Tensor, context: Context): Tensor {
  return modules.reduce((value, module) => module.forward(value, context), x)
}

/** `convDw` -> `conv_dw` */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/**
 * Names all parameters of a network by their paths, lets every module's nodes carry the module's path, and returns the
 * parameters by name, in the order of the fields. To be called once, on the root.
 */
export function bindModule(root: Module): Map<string, Parameter> {
  const parameters = new Map<string, Parameter>()
  const visit = (value: unknown, path: string): void => {
    if (value instanceof Parameter) {
      if (value.node.op !== (inputOp as unknown)) throw new Error(`parameter ${path} is no leaf`)
      value.name = path
      parameters.set(path, value)
    } else if (value instanceof Module || Array.isArray(value)) {
      if (value instanceof Module) scopeForward(value, path)
      for (const [key, child] of Object.entries(value))
        visit(child, path ? `${path}.${snakeCase(key)}` : snakeCase(key))
    }
  }
  visit(root, "")
  return parameters
}

/** Wraps an instance's `forward` so that the nodes made in it know where they belong. */
function scopeForward(module: Module, path: string): void {
  const forward = module.forward.bind(module)
  Object.defineProperty(module, "forward", {
    value: (x: Tensor, context: Context) => withScope(path, () => forward(x, context)),
  })
}
