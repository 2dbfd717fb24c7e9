/** Weights in block order, as the blocked convolutions of ONNX Runtime's CPU provider read them. */

import { type Graph, inputName, rewrite } from "../../tensor/graph.ts"
import { type NdArray, ndarray, sizeOf } from "../../tensor/ndarray.ts"
import { readOnce } from "../../tensor/stored.ts"
import { applies, defineOp, input, type Op, type Tensor } from "../../tensor/tensor.ts"
import type { Block } from "./blocked-layout.ts"

/**
 * A weight [O, I] in block order, as [O, I, 1, 1], each row times its scale where there are scales [O]. What depends on
 * constants alone is packed once: see `preparePacked`.
 */
export const packWeightOp: Op<Block> = defineOp<Block>({
  name: "packWeight",
  shape: ([weight]) => ({ shape: [...weight!.shape, 1, 1], dtype: weight!.dtype }),
  onnx: (builder, [weight, scale], { block }, node) => {
    const [outputs, inputs] = node.inputs[0]!.shape as [number, number]
    const reshaped = (x: string, shape: readonly number[]) => builder.node("Reshape", [x, builder.ints(shape)])
    const scaled = scale ? builder.node("Mul", [weight!, reshaped(scale, [outputs, 1])]) : weight!
    const blocks = reshaped(scaled, [outputs / block, block, inputs / block, block])
    return reshaped(builder.node("Transpose", [blocks], { perm: [0, 2, 3, 1] }), [outputs, inputs, 1, 1])
  },
  reference: ([weight, scale], { block }, [y]) => {
    packInto(y!.data as Float64Array, weight! as NdArray<"float64">, scale?.data as Float64Array | undefined, block)
  },
})

/** Writes a weight [O, I] in block order: [O / block, I / block, block of I, block of O]. */
function packInto(
  packed: Float32Array | Float64Array,
  { shape, data }: NdArray<"float32" | "float64">,
  scale: Float32Array | Float64Array | undefined,
  block: number,
): void {
  const [outputs, inputs] = shape as [number, number]
  for (let o = 0; o < outputs; o++) {
    const factor = scale?.[o] ?? 1
    const start = Math.floor(o / block) * block * inputs + (o % block)
    const row = o * inputs
    for (let i = 0; i < inputs; i++) packed[start + i * block] = factor * data[row + i]!
  }
}

/**
 * Packs the weights of a lowered graph that are constant, and gives the graph that reads them packed as inputs. They are
 * fed at each run, which costs nothing, and so are in memory once; as constants of the model the runtime would copy them.
 */
export function preparePacked(
  graph: Graph,
  constants: Readonly<Record<string, NdArray>>,
): { graph: Graph; packed: Record<string, NdArray> } {
  const packed: Record<string, NdArray> = {}
  const constantValue = (x: Tensor | undefined) => (x === undefined ? undefined : constants[inputName(x) ?? ""])
  const result = rewrite(graph, (node, [weight, scale]) => {
    if (!applies(node, packWeightOp)) return undefined
    const [value, factors] = [constantValue(weight), constantValue(scale)]
    if (value?.dtype !== "float32" || (scale && !factors)) return undefined
    // Two layers may share a weight, with a scale of its own each.
    const name = uniqueName(`packed/${inputName(weight!)}`, packed)
    const { shape } = node.outputs[0]!
    const data = new Float32Array(sizeOf(shape as number[]))
    packInto(
      data,
      { shape: value.shape, dtype: "float32", data: readOnce(value) as Float32Array },
      factors?.data as Float32Array,
      node.attributes.block,
    )
    packed[name] = ndarray(data, shape as number[])
    return input(name, shape)
  })
  return { graph: result, packed }
}

function uniqueName(name: string, taken: Readonly<Record<string, unknown>>): string {
  for (let i = 0; ; i++) {
    const candidate = i === 0 ? name : `${name}:${i}`
    if (!Object.hasOwn(taken, candidate)) return candidate
  }
}
