/** Modules: what a network is made of. A module declares its parameters and children as fields, and computes on tensors. */

import { printed } from "../tensor/checks.ts"
import { isCount, UsageError } from "../tensor/errors.ts"
import type { DType } from "../tensor/ndarray.ts"
import { inputOp, Tensor, withScope } from "../tensor/tensor.ts"
import { type Context, forParameters } from "./context.ts"
import type { Initializer } from "./initializers.ts"

/** Name of a state that no network holds yet. */
const UNNAMED = ""

/** The shape of a state. Throws a RangeError unless it is a list of whole numbers. */
function checked(shape: readonly number[]): readonly number[] {
  if (!Array.isArray(shape) || !shape.every((dim) => isCount(dim, 0))) {
    throw new RangeError(`the shape of a parameter or buffer must be whole numbers, got ${printed(shape)}`)
  }
  return shape
}

/**
 * A value that lies with the model. Its name is its path through the fields of the modules that hold it, in timm's
 * spelling: `stages.0.blocks.0.conv_dw.weight`.
 */
abstract class State extends Tensor {
  /** Gives the first value. */
  readonly initialize: Initializer

  constructor(shape: readonly number[], initialize: Initializer, dtype: DType = "float32") {
    const leaf = inputOp([], { name: UNNAMED, type: { shape: [...checked(shape)], dtype } })
    super(leaf.node, 0, leaf)
    // The node's output is the state itself, so that tensors found in a graph can be recognised.
    ;(leaf.node.outputs as Tensor[])[0] = this
    this.initialize = initialize
  }

  get name(): string {
    return (this.node.attributes as { name: string }).name
  }

  set name(name: string) {
    ;(this.node.attributes as { name: string }).name = name
  }

  /** The shape: states have no symbolic dimensions. */
  get size(): number[] {
    return this.shape as number[]
  }
}

/** A tensor that training changes by its gradient. */
export class Parameter extends State {}

/** A tensor that belongs to the model and has no gradient: running statistics. It is part of the checkpoint. */
export class Buffer extends State {}

/** A part of a network. Subclasses declare parameters and children as fields and implement `forward`. */
export abstract class Module {
  abstract forward(x: Tensor, context: Context): Tensor
}

/**
 * A module whose inner activations may be computed again in the backward pass instead of being kept: the unit of
 * recomputation, between one residual stream and the next.
 */
export abstract class Block extends Module {}

/** Applies modules one after the other. */
export function chain(modules: readonly Module[], x: Tensor, context: Context): Tensor {
  return modules.reduce((value, module) => module.forward(value, context), x)
}

/** `convDw` -> `conv_dw` */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** What a network holds, found by walking through its fields. */
export interface BoundModule {
  /** By name, in the order of the fields. */
  parameters: Map<string, Parameter>
  /** By name, in the order of the fields. */
  buffers: Map<string, Buffer>
  /** Both, in the order of the fields: what a checkpoint holds. */
  state: Map<string, Parameter | Buffer>
  /** All modules by path, the root's being "". */
  modules: Map<string, Module>
  /** Paths of the modules that are a {@link Block}. */
  blocks: string[]
}

const boundModules = new WeakMap<Module, BoundModule>()

/**
 * Names all parameters and buffers of a network by their paths, and lets every module's nodes carry the module's path.
 * A module all of whose parameters are frozen runs as in evaluation. To be called on the root; a second call gives the
 * result of the first.
 * Throws a UsageError for a module that another network holds already, a module or parameter that two fields hold, one in
 * a plain object, Map or Set, and a module without `forward`.
 */
export function bindModule(root: Module): BoundModule {
  const known = boundModules.get(root)
  if (known) return known
  const bound: BoundModule = {
    parameters: new Map(),
    buffers: new Map(),
    state: new Map(),
    modules: new Map(),
    blocks: [],
  }
  const places = new Map<State | Module, string>()
  /** Gives the parameters that were found. */
  const visit = (value: unknown, path: string): Parameter[] => {
    if (value instanceof State || value instanceof Module) takePlace(places, value, path)
    if (value instanceof State) {
      if (value.node.op !== (inputOp as unknown)) throw new Error(`state ${path} is no leaf`)
      if (value.name !== UNNAMED) {
        throw new UsageError(`${path} is a part of another network already: its ${value.name}`)
      }
      value.name = path
      bound.state.set(path, value)
      if (value instanceof Buffer) bound.buffers.set(path, value)
      else bound.parameters.set(path, value)
      return value instanceof Parameter ? [value] : []
    }
    if (!(value instanceof Module || Array.isArray(value))) {
      refuseHidden(value, path)
      return []
    }
    if (value instanceof Module) bound.modules.set(path, value)
    if (value instanceof Block) bound.blocks.push(path)
    const found = Object.entries(value).flatMap(([key, child]) =>
      visit(child, path ? `${path}.${snakeCase(key)}` : snakeCase(key)),
    )
    if (value instanceof Module) wrapForward(value, path, found)
    return found
  }
  visit(root, "")
  boundModules.set(root, bound)
  return bound
}

/** Throws a UsageError if the value has a place in the network already: it would be initialised and trained twice. */
function takePlace(places: Map<State | Module, string>, value: State | Module, path: string): void {
  const first = places.get(value)
  if (first !== undefined) {
    const what = value instanceof Module ? value.constructor.name : "parameter or buffer"
    throw new UsageError(
      `${first || "the root"} and ${path} are the same ${what}: keep it in one field, and use that one twice in forward`,
    )
  }
  places.set(value, path)
}

/** Throws a UsageError for modules and parameters in containers that are not walked through: they would never be trained. */
function refuseHidden(value: unknown, path: string): void {
  const isPlain = value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype
  if (!(isPlain || value instanceof Map || value instanceof Set)) return
  const members: unknown[] = isPlain ? Object.values(value as object) : [...(value as Map<unknown, unknown>).values()]
  if (members.flat().some((member) => member instanceof Module || member instanceof State)) {
    throw new UsageError(`${path} holds modules or parameters in an object: use a field for each, or an array`)
  }
}

/** Errors that tell their module already. */
const located = new WeakSet<Error>()

/**
 * Wraps an instance's `forward`: its nodes know where they belong, RangeErrors begin with the path of the innermost module,
 * and frozen parameters make it run as in evaluation.
 */
function wrapForward(module: Module, path: string, parameters: readonly Parameter[]): void {
  const name = path || module.constructor.name
  if (typeof module.forward !== "function") throw new UsageError(`${name} has no method forward`)
  const forward = module.forward.bind(module)
  const run = (x: Tensor, context: Context): Tensor => {
    try {
      return forward(x, forParameters(context, parameters))
    } catch (error) {
      throw locate(error, path)
    }
  }
  Object.defineProperty(module, "forward", {
    value: (x: Tensor, context: Context) => {
      const y = withScope(path, () => run(x, context))
      if (y === undefined) throw new UsageError(`forward of ${name} returned nothing: it must return a tensor`)
      return y
    },
  })
}

function locate(error: unknown, path: string): unknown {
  if (!(error instanceof RangeError) || located.has(error)) return error
  const message = path ? `${path}: ${error.message}` : error.message
  const result = new RangeError(message, { cause: error })
  located.add(result)
  return result
}
