/** Operators that keep the values: another element type, and the end of a gradient. */

import { expectOneOf } from "../checks.ts"
import type { DType, NdArray } from "../ndarray.ts"
import { defineOp, named, type Op, type OpDefinition, type Tensor } from "../tensor.ts"

/** Types that have numbers in the reference evaluation and casts on every device. */
const castTypes = ["float32", "float64", "int32", "int64", "uint8", "bool"] as const
type CastType = (typeof castTypes)[number]

interface Target {
  dtype: CastType
}

const definition: OpDefinition<Target> = {
  name: "cast",
  shape: ([x], { dtype }) => ({ shape: x!.shape, dtype }),
  onnx: (builder, [x], { dtype }) => builder.node("Cast", [x!], { to: dtype }),
  reference: ([x], { dtype }, [y]) => {
    for (let i = 0; i < y!.data.length; i++) y!.data[i] = convert(x!.data[i]!, dtype)
  },
}

function convert(element: number | bigint, dtype: DType): number | bigint {
  if (dtype === "bool") return Number(element) === 0 ? 0 : 1
  return dtype === "int64" ? BigInt(Math.trunc(Number(element))) : Number(element)
}

/** Between floats. A cast from or to integers cannot be differentiated, as their values have no neighbours. */
const floatCastOp: Op<Target> = defineOp<Target>({
  ...definition,
  gradient: ([x], _, [dy]) => [cast(dy!, x!.dtype as CastType)],
})
const castOp: Op<Target> = defineOp<Target>(definition)

const isFloat = (dtype: DType) => dtype === "float32" || dtype === "float64"

/**
 * The elements of x as another type. Fractions are cut off towards zero; as bool, all but 0 is true. Values that the
 * type cannot hold are undefined. Only casts between float32 and float64 have a gradient.
 * Throws a RangeError for any other type.
 */
export function cast(x: Tensor, dtype: CastType): Tensor {
  named("cast", () => expectOneOf("dtype", dtype, castTypes))
  if (x.dtype === dtype) return x
  return (isFloat(x.dtype) && isFloat(dtype) ? floatCastOp : castOp)([x], { dtype })
}

const stopGradientOp: Op<Record<never, never>> = defineOp<Record<never, never>>({
  name: "stopGradient",
  shape: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  gradient: () => [undefined],
  decompose: ([x]) => x!,
  reference: ([x], _, [y]) => copy(x!, y!),
})

function copy(x: NdArray, y: NdArray): void {
  for (let i = 0; i < y.data.length; i++) y.data[i] = x.data[i]!
}

/** x, as a constant to whoever differentiates. */
export const stopGradient = (x: Tensor): Tensor => stopGradientOp([x], {})
