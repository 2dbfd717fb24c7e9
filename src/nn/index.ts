/**
 * `convnext/nn`: what networks are made of. Modules and parameters, layers and initialisers, the operators on symbolic
 * tensors, their gradients, `compile` that runs a graph on a device, `evaluate` that runs it without one, and `summary`
 * that tells what a network costs.
 */

export { gradients as grad } from "../autodiff/gradients.ts"
export type { Recompute, RecomputeOptions } from "../autodiff/recompute.ts"
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
export { Attention, type AttentionLayerOptions } from "./attention.ts"
export { BatchNormAct2d } from "./batch-norm-act.ts"
export { type CompiledGraph, type CompileOptions, compile } from "./compile.ts"
export {
  type Context,
  type DropoutInput,
  type DropPathInput,
  dropPathFeeds,
  evaluation,
  type KeptRows,
  TrainingContext,
} from "./context.ts"
export {
  constantValue,
  type Initializer,
  kaimingNormal,
  normal,
  ones,
  truncatedNormal,
  uniform,
  zeros,
} from "./initializers.ts"
export { Conv2d, type Conv2dLayerOptions, Linear, type LinearOptions } from "./layers.ts"
export { Mlp } from "./mlp.ts"
export { Block, type BoundModule, Buffer, bindModule, chain, Module, Parameter } from "./module.ts"
export { BatchNorm2d, type BatchNormOptions, GroupNorm, LayerNorm } from "./norm.ts"
export { PatchEmbed, type PatchEmbedOptions } from "./patch-embed.ts"
export { RmsNorm, SimpleNorm } from "./scale-norm.ts"
export { MobileSqueezeExcite, SqueezeExcite } from "./squeeze-excite.ts"
export { dropout, dropPath, dropPathRates, residual } from "./stochastic.ts"
export {
  type ActivationBytes,
  type LayerSummary,
  type ModelSummary,
  type NetworkOfImages,
  printSummary,
  summary,
} from "./summary.ts"
