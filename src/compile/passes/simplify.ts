/** Algebraic identities. */

import { sameShape } from "../../tensor/dim.ts"
import { type Graph, rewrite } from "../../tensor/graph.ts"
import { LARGEST_FLOAT32 } from "../../tensor/ndarray.ts"
import { arithmetic } from "../../tensor/ops/elementwise.ts"
import { addRows, mul, sub } from "../../tensor/ops/index.ts"
import { addRowsOp } from "../../tensor/ops/rows.ts"
import { broadcastToOp } from "../../tensor/ops/shape.ts"
import { applies, scalarValue, type Tensor } from "../../tensor/tensor.ts"

type Identity = (a: Tensor, b: Tensor) => Tensor | undefined

const identities = new Map<unknown, Identity>([
  [
    arithmetic.add,
    (a, b) => (isZero(b) ? a : isZero(a) ? b : (addNegated(a, b) ?? addToRows(a, b) ?? addToRows(b, a))),
  ],
  [arithmetic.sub, (a, b) => (isZero(b) ? a : undefined)],
  [arithmetic.mul, multiply],
  [arithmetic.div, (a, b) => divideByScalar(a, b)],
])

const isZero = (x: Tensor) => scalarValue(x) === 0

/** x 0 -> stays (NaN and infinity count), x 1 -> x, (x s) t -> x (s t) where float32 holds s t. */
function multiply(a: Tensor, b: Tensor): Tensor | undefined {
  const [x, s] = scalarValue(a) === undefined ? [a, scalarValue(b)] : [b, scalarValue(a)]
  if (s === undefined) return undefined
  if (s === 1) return x
  const inner = scaled(x)
  return inner && isNormal(inner.scale * s) ? times(x, s) : undefined
}

/** The smallest float32 with all its digits. */
const SMALLEST_NORMAL = 2 ** -126

/** Whether a factor is finite as a float32, and neither 0 nor short of digits. */
function isNormal(factor: number): boolean {
  const size = Math.abs(Math.fround(factor))
  return size >= SMALLEST_NORMAL && size <= LARGEST_FLOAT32
}

/** x s, as one product with the factors that x has already, as far as float32 holds their product. */
function times(x: Tensor, s: number): Tensor {
  const inner = scaled(x)
  if (inner && isNormal(inner.scale * s)) return times(inner.x, inner.scale * s)
  return s === 1 ? x : mul(x, s)
}

/** x / s -> x (1 / s) where that is exact. */
function divideByScalar(a: Tensor, b: Tensor): Tensor | undefined {
  const s = scalarValue(b)
  if (s === undefined) return undefined
  return Number.isInteger(Math.log2(Math.abs(s))) && isNormal(1 / s) ? times(a, 1 / s) : undefined
}

/** a + (-b) -> a - b, (-a) + b -> b - a. */
function addNegated(a: Tensor, b: Tensor): Tensor | undefined {
  if (applies(b.node, arithmetic.neg)) return sub(a, b.node.inputs[0]!)
  if (applies(a.node, arithmetic.neg)) return sub(b, a.node.inputs[0]!)
  return undefined
}

/** a + (zeros with some rows added) -> a with these rows added. */
function addToRows(a: Tensor, b: Tensor): Tensor | undefined {
  if (!applies(b.node, addRowsOp)) return undefined
  const [base, rows, updates] = b.node.inputs as [Tensor, Tensor, Tensor]
  const empty = applies(base.node, broadcastToOp) && isZero(base.node.inputs[0]!)
  return empty && sameShape(a.shape, b.shape) ? addRows(a, rows, updates) : undefined
}

/** The factors of x times a scalar. */
function scaled(x: Tensor): { x: Tensor; scale: number } | undefined {
  if (applies(x.node, arithmetic.neg)) return { x: x.node.inputs[0]!, scale: -1 }
  if (!applies(x.node, arithmetic.mul)) return undefined
  const [a, b] = x.node.inputs as [Tensor, Tensor]
  const scale = scalarValue(b) ?? scalarValue(a)
  return scale === undefined ? undefined : { x: scalarValue(b) === undefined ? b : a, scale }
}

/** Applies identities of arithmetic with scalars: neutral elements, products of products, sums with a negative. */
export function simplify(graph: Graph): Graph {
  return rewrite(graph, (node, inputs) => {
    const identity = identities.get(node.op)
    // Integers divide and overflow by other rules.
    if (!identity || node.outputs[0]!.dtype !== "float32") return undefined
    const [a, b] = inputs as [Tensor, Tensor]
    return identity(a, b)
  })
}
