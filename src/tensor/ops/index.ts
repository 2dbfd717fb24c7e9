/** All operators. */

export { gelu } from "./activation.ts"
export { type Conv2dOptions, conv2d } from "./conv.ts"
export { add, div, erf, exp, log, mul, neg, sqrt, sub } from "./elementwise.ts"
export { linear, type MatmulOptions, matmul } from "./matmul.ts"
export { layerNorm } from "./norm.ts"
export { mean, type ReduceOptions, sum } from "./reduce.ts"
export { broadcastTo, flip, pad, reshape, slice, transpose } from "./shape.ts"
export { crossEntropy, logSoftmax, softmax } from "./softmax.ts"
