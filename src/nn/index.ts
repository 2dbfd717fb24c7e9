/**
 * `convnext/nn`: what networks are made of. Modules and parameters, layers, the operators on symbolic tensors, their
 * gradients, and the reference evaluation that runs a graph without a device.
 */

export { gradients as grad } from "../autodiff/gradients.ts"
export type { Dim, Shape } from "../tensor/dim.ts"
export { evaluate } from "../tensor/evaluate.ts"
export type { Graph } from "../tensor/graph.ts"
export { type DType, type NdArray, ndarray, type TypedArray, type TypedArrays } from "../tensor/ndarray.ts"
export * from "../tensor/ops/index.ts"
export { Random } from "../tensor/random.ts"
export {
  constant,
  defineOp,
  input,
  type Node,
  type OnnxAttribute,
  type OnnxAttributes,
  type OnnxBuilder,
  type Op,
  type OpDefinition,
  type Operand,
  Tensor,
  type TensorType,
} from "../tensor/tensor.ts"
export {
  type Context,
  type DropoutInput,
  type DropPathInput,
  dropPathFeeds,
  evaluation,
  type KeptRows,
  TrainingContext,
} from "./context.ts"
export { constantValue, type Initializer, ones, truncatedNormal, zeros } from "./initializers.ts"
export { Conv2d, type Conv2dLayerOptions, Linear, type LinearOptions } from "./layers.ts"
export { Block, type BoundModule, Buffer, bindModule, chain, Module, Parameter } from "./module.ts"
export { BatchNorm2d, type BatchNormOptions, GroupNorm, LayerNorm } from "./norm.ts"
export { dropout, dropPath, dropPathRates, residual } from "./stochastic.ts"
