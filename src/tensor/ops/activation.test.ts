import { describe, expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkOp, runGraph } from "../../../test/support/check-op.ts"
import { evaluate } from "../evaluate.ts"
import { ndarray } from "../ndarray.ts"
import { input } from "../tensor.ts"
import { scaledGeluOp } from "./activation.ts"
import { gelu } from "./index.ts"

describe.each([
  ["gelu", gelu],
  ["scaledGelu", (x: Parameters<typeof gelu>[0]) => scaledGeluOp([x], {})],
])("%s", (_, op) => {
  test("agrees with the reference and with finite differences", async () => {
    await checkOp({ inputs: [randomArray([3, 5, 4], "x", { std: 2 })], build: (x) => op(x!), batched: [0] })
    await checkOp({ inputs: [randomArray([], "x")], build: (x) => op(x!) })
  })

  test("and its derivative are finite and exact where the tails vanish", async () => {
    await checkOp({ inputs: [ndarray([-40, -10, -6, 0, 6, 10, 40])], build: (x) => op(x!) })
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
