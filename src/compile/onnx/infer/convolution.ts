/** Rules of operators that slide a window over maps [N, C, ...]: convolutions and pooling. */

import type { OnnxDim } from "../description.ts"
import { add, concrete, multiply, type OnnxShape, unknown } from "./dims.ts"
import { forAll, type NodeView, type OpRules } from "./node-view.ts"

interface Window {
  kernel: readonly number[]
  strides: readonly number[]
  dilations: readonly number[]
  /** Before each axis, then after each. */
  pads: readonly number[]
}

function windowOf(node: NodeView, kernel: readonly number[]): Window {
  const every = (name: string) => node.list(name) ?? kernel.map(() => 1)
  return {
    kernel,
    strides: every("strides"),
    dilations: every("dilations"),
    pads: node.list("pads") ?? [...kernel, ...kernel].map(() => 0),
  }
}

/** Positions of a window along each axis. */
function slide(node: NodeView, spatial: OnnxShape, window: Window): OnnxDim[] {
  if (spatial.length !== window.kernel.length) unknown()
  const round = node.number("ceil_mode", 0) === 1 ? Math.ceil : Math.floor
  const mode = node.text("auto_pad", "NOTSET")
  return spatial.map((size, i) => {
    const stride = window.strides[i]!
    const extent = (window.kernel[i]! - 1) * window.dilations[i]! + 1
    const [before, after] = [window.pads[i]!, window.pads[i + spatial.length]!]
    if (typeof size !== "number") {
      // A window that neither shrinks nor steps keeps a size that is open.
      return stride === 1 && (mode.startsWith("SAME") || before + after === extent - 1) ? size : null
    }
    if (mode.startsWith("SAME")) return Math.ceil(size / stride)
    const padded = mode === "VALID" ? size : size + before + after
    const positions = round((padded - extent) / stride) + 1
    // With ceil_mode, a last window that would lie in the padding alone is left out.
    const beyond = round === Math.ceil && (positions - 1) * stride >= size + (mode === "VALID" ? 0 : before)
    return Math.max(0, beyond ? positions - 1 : positions)
  })
}

/** Convolution of input `x` with the filter `w` [O, C / groups, ...]. */
function convolution(x: number, w: number) {
  return {
    shapes: (node: NodeView) => {
      const [batch, channels, ...spatial] = node.shape(x)
      const [outputs, perGroup, ...kernel] = node.shape(w)
      const expected = typeof perGroup === "number" ? perGroup * node.number("group", 1) : null
      if (typeof channels === "number" && expected !== null && channels !== expected) unknown()
      return [[batch!, outputs!, ...slide(node, spatial, windowOf(node, concrete(kernel)))]]
    },
    macs: (node: NodeView, output: OnnxShape) => node.count(...output, ...node.shape(w).slice(1)),
  }
}

/** Size along an axis for which a convolution with the window gives `size`. */
function unslide(node: NodeView, spatial: OnnxShape, window: Window): OnnxDim[] {
  const given = node.list("output_shape")
  const extra = node.list("output_padding") ?? spatial.map(() => 0)
  const same = node.text("auto_pad", "NOTSET").startsWith("SAME")
  return spatial.map((size, i) => {
    if (given) return given.at(i - spatial.length)!
    const stride = window.strides[i]!
    if (same) return multiply(size, stride)
    const extent = (window.kernel[i]! - 1) * window.dilations[i]! + 1
    const rest = extent - stride + extra[i]! - window.pads[i]! - window.pads[i + spatial.length]!
    return add(multiply(size, stride), rest)
  })
}

const pooling = {
  shapes: (node: NodeView) => {
    const [batch, channels, ...spatial] = node.shape(0)
    const kernel = node.list("kernel_shape") ?? unknown()
    const y = [batch!, channels!, ...slide(node, spatial, windowOf(node, kernel))]
    return [y, y]
  },
}

const globalPooling = {
  shapes: (node: NodeView) => [node.shape(0).map((dim, i) => (i < 2 ? dim : 1))],
}

export const convolutionRules: OpRules = {
  ...forAll(["Conv", "ConvInteger", "FusedConv"], convolution(0, 1)),
  QLinearConv: convolution(0, 3),
  // [N, C, ...], offsets, filter as that of a convolution
  DeformConv: convolution(0, 1),
  // x [N, C, ...], filter [C, O / groups, ...]
  ConvTranspose: {
    shapes: (node) => {
      const [batch, , ...spatial] = node.shape(0)
      const [, perGroup, ...kernel] = node.shape(1)
      const outputs = multiply(perGroup!, node.number("group", 1))
      return [[batch!, outputs, ...unslide(node, spatial, windowOf(node, concrete(kernel)))]]
    },
    macs: (node) => node.count(...node.shape(0), ...node.shape(1).slice(1)),
  },
  ...forAll(["MaxPool", "AveragePool", "LpPool"], pooling),
  ...forAll(["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"], globalPooling),
}
