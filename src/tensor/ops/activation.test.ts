import { describe, expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkOp, runGraph } from "../../../test/support/check-op.ts"
import { gradients } from "../../autodiff/gradients.ts"
import { evaluate } from "../evaluate.ts"
import { ndarray } from "../ndarray.ts"
import { input, type Tensor } from "../tensor.ts"
import { scaledGeluOp } from "./activation.ts"
import {
  gelu,
  geluTanh,
  hardSigmoid,
  hardSwish,
  mul,
  relu,
  relu6,
  sigmoid,
  silu,
  softplus,
  sum,
  tanh,
} from "./index.ts"

describe.each([
  ["gelu", gelu],
  ["geluTanh", geluTanh],
  ["relu", relu],
  ["relu6", (x: Tensor) => relu6(mul(x, 4))],
  ["sigmoid", sigmoid],
  ["silu", silu],
  ["tanh", tanh],
  ["softplus", softplus],
  ["hardSigmoid", (x: Tensor) => hardSigmoid(mul(x, 2))],
  ["hardSwish", (x: Tensor) => hardSwish(mul(x, 2))],
  ["scaledGelu", (x: Tensor) => scaledGeluOp([x], {})],
])("%s", (_, op) => {
  test("agrees with the reference and with finite differences", async () => {
    await checkOp({ inputs: [randomArray([3, 5, 4], "x", { std: 2 })], build: (x) => op(x!), batched: [0] })
    await checkOp({ inputs: [randomArray([], "x")], build: (x) => op(x!) })
  })

  test("and its derivative are finite and exact where the tails vanish", async () => {
    await checkOp({ inputs: [ndarray([-1e4, -40, -10, -5.9, 0.1, 5.9, 10, 40, 1e4])], build: (x) => op(x!) })
  })
})

test("gelu has the values of x Phi(x)", async () => {
  const x = ndarray([-10, -5, -1, 0, 0.5, 1, 3, 10])
  const graph = { y: gelu(input("x", [8])) }
  // From the C library's erfc.
  const known = [-7.619853024160593e-23, -1.4332578593959731e-6, -0.15865525393145707, 0, 0.34573123063700656]
  known.push(0.8413447460685429, 2.99595030590511, 10)
  const { y } = evaluate(graph, { x })
  const { y: onDevice } = await runGraph(graph, { x })
  known.forEach((value, i) => {
    expect(y!.data[i], `gelu(${x.data[i]})`).toBeCloseTo(value, 13)
    expect(Math.abs(Number(onDevice!.data[i]) - value)).toBeLessThan(1e-6)
  })
})

test("scaledGelu is gelu with its factors taken out: gelu(x) = scaledGelu(x / sqrt 2) / sqrt 2", () => {
  const x = randomArray([50], "x", { std: 2 })
  const u = ndarray(
    Float64Array.from(x.data, (value) => value / Math.SQRT2),
    [50],
    "float64",
  )
  const { y } = evaluate({ y: gelu(input("x", [50])) }, { x })
  const { z } = evaluate({ z: scaledGeluOp([input("u", [50])], {}) }, { u })
  for (let i = 0; i < 50; i++) expect(Number(z!.data[i]) / Math.SQRT2).toBeCloseTo(Number(y!.data[i]), 12)
})

/** Made by PyTorch 2.15 in float64, from x = -8, -3, -1, 0, 0.5, 3, 6, 9. */
const golden = {
  relu: [relu, [0, 0, 0, 0, 0.5, 3, 6, 9], [0, 0, 0, 0, 1, 1, 1, 1]],
  relu6: [relu6, [0, 0, 0, 0, 0.5, 3, 6, 6], [0, 0, 0, 0, 1, 1, 0, 0]],
  sigmoid: [
    sigmoid,
    [0.00033535, 0.047425873, 0.268941421, 0.5, 0.622459331, 0.952574127, 0.997527377, 0.999876605],
    [0.000335238, 0.04517666, 0.196611933, 0.25, 0.235003712, 0.04517666, 0.002466509, 0.000123379],
  ],
  silu: [
    silu,
    [-0.002682801, -0.14227762, -0.268941421, 0, 0.311229666, 2.85772238, 5.985164261, 8.998889449],
    [-0.002346551, -0.088104106, 0.072329488, 0.5, 0.739961187, 1.088104106, 1.012326433, 1.00098702],
  ],
  tanh: [
    tanh,
    [-0.999999775, -0.995054754, -0.761594156, 0, 0.462117157, 0.995054754, 0.999987712, 0.99999997],
    [4.5e-7, 0.009866037, 0.419974342, 1, 0.786447733, 0.009866037, 2.4577e-5, 6.1e-8],
  ],
  softplus: [
    softplus,
    [0.000335406, 0.048587352, 0.313261688, Math.LN2, 0.974076984, 3.048587352, 6.002475685, 9.000123402],
    [0.00033535, 0.047425873, 0.268941421, 0.5, 0.622459331, 0.952574127, 0.997527377, 0.999876605],
  ],
  hardSigmoid: [hardSigmoid, [0, 0, 1 / 3, 0.5, 7 / 12, 1, 1, 1], [0, 0, 1 / 6, 1 / 6, 1 / 6, 0, 0, 0]],
  hardSwish: [hardSwish, [0, 0, -1 / 3, 0, 7 / 24, 3, 6, 9], [0, 0, 1 / 6, 0.5, 2 / 3, 1, 1, 1]],
  geluTanh: [
    geluTanh,
    [0, -0.003637392, -0.158808009, 0, 0.34571401, 2.996362608, 6, 9],
    [0, -0.011584167, -0.082964084, 0.5, 0.867369904, 1.011584167, 1, 1],
  ],
} as const

test.each(Object.entries(golden))(
  "%s has PyTorch's values and derivatives, also at its corners",
  async (_, [op, y, d]) => {
    const x = input("x", [8])
    const [dx] = gradients(sum(op(x)), [x])
    const values = await runGraph({ y: op(x), dx: dx! }, { x: ndarray([-8, -3, -1, 0, 0.5, 3, 6, 9]) })
    y.forEach((value, i) => {
      expect(Number(values.y!.data[i]), `value ${i}`).toBeCloseTo(value, 5)
      expect(Number(values.dx!.data[i]), `derivative ${i}`).toBeCloseTo(d[i]!, 5)
    })
  },
)
