/** Order of execution, where no value asks for it. */

import { symbolOf } from "../dim.ts"
import { defineOp, type Op, type Tensor } from "../tensor.ts"

export const afterOp: Op<Record<never, never>> = defineOp<Record<never, never>>({
  name: "after",
  shape: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  // A view of x whose shape is computed from an element of the token, times 0. It moves no data, and since the device
  // cannot know the shape beforehand it can neither run it earlier nor merge what follows with the same done before.
  onnx: (builder, [x, token], _, node) => {
    const first = builder.node("Gather", [builder.node("Reshape", [token!, builder.ints([-1])]), builder.ints([0])])
    const nothing = builder.node("Mul", [builder.node("Cast", [first], { to: "int64" }), builder.ints([0])])
    const shape = node.inputs[0]!.shape.map((dim) => (symbolOf(dim) === undefined ? (dim as number) : -1))
    return builder.node("Reshape", [x!, builder.node("Add", [nothing, builder.ints(shape)])])
  },
  reference: ([x], _, [y]) => {
    for (let i = 0; i < y!.data.length; i++) y!.data[i] = x!.data[i]!
  },
})

/**
 * x, but not before `token` is computed: what is made of the result runs late, and is not merged with what was made of
 * x. `token` has at least one element; its values do not matter. Has no gradient.
 */
export function after(x: Tensor, token: Tensor): Tensor {
  return afterOp([x, token], {})
}
