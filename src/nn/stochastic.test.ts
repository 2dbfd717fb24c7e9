import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { expectClose, randomArray } from "../../test/support/arrays.ts"
import { runGraph } from "../../test/support/check-op.ts"
import { gradients } from "../autodiff/gradients.ts"
import { evaluate } from "../tensor/evaluate.ts"
import { ndarray } from "../tensor/ndarray.ts"
import { add, conv2d, linear, mul, sum } from "../tensor/ops/index.ts"
import { input, type Tensor } from "../tensor/tensor.ts"
import { dropPathFeeds, evaluation, TrainingContext } from "./context.ts"
import { dropout, dropPath, dropPathRates, residual } from "./stochastic.ts"

describe("dropPath", () => {
  const branch = input("branch", ["N", 2, 2, 3])

  test("does nothing in evaluation or at rate 0", () => {
    expect(dropPath(branch, 0.5, evaluation)).toBe(branch)
    const context = new TrainingContext("N")
    expect(dropPath(branch, 0, context)).toBe(branch)
    expect(context.dropPaths).toEqual([])
  })

  test("in training multiplies each sample with its factor", () => {
    const context = new TrainingContext("N")
    const y = dropPath(branch, 0.5, context)
    const values = randomArray([3, 2, 2, 3], "branch")
    const { name } = context.dropPaths[0]!
    const result = evaluate({ y }, { branch: values, [name]: ndarray([2, 0, 2]) }).y!
    const expected = [...values.data].map((value, i) => value * [2, 0, 2][Math.floor(i / 12)]!)
    expect([...(result.data as Float64Array)]).toEqual(expected)
  })

  test("rates rise from 0 to the last block's, linearly", () => {
    expect(dropPathRates(0.4, 5).map((rate) => Math.round(rate * 1e9) / 1e9)).toEqual([0, 0.1, 0.2, 0.3, 0.4])
    expect(dropPathRates(0, 3)).toEqual([0, 0, 0])
    // torch.linspace(0, rate, 1) is its start.
    expect(dropPathRates(0.4, 1)).toEqual([0])
  })
})

describe("residual", () => {
  const x = input("x", [4, 5, 5, 16])
  const [filter, weight] = [input("filter", [16, 1, 3, 3]), input("weight", [16, 16])]
  const branch = (rows: Tensor) => linear(conv2d(rows, filter, undefined, { padding: 1, groups: 16 }), weight)
  const values = {
    x: randomArray([4, 5, 5, 16], "x"),
    filter: randomArray([16, 1, 3, 3], "filter"),
    weight: randomArray([16, 16], "weight"),
    weights: randomArray([4, 5, 5, 16], "weights"),
  }

  /** Output and gradients of x + branch(x), for a form of stochastic depth. */
  function differentiate(build: (context: TrainingContext) => Tensor) {
    const context = new TrainingContext(4)
    const y = build(context)
    const [dx, dFilter, dWeight] = gradients(sum(mul(y, input("weights", y.shape))), [x, filter, weight])
    return { graph: { y, dx: dx!, dFilter: dFilter!, dWeight: dWeight! }, context }
  }
  const byRows = differentiate((context) => residual(x, 0.5, context, branch))
  const byMask = differentiate((context) => add(x, dropPath(branch(x), 0.5, context)))

  test("is the plain sum in evaluation and at rate 0", () => {
    expect(evaluate({ y: residual(x, 0.5, evaluation, branch) }, values)).toEqual(
      evaluate({ y: add(x, branch(x)) }, values),
    )
    const context = new TrainingContext(4)
    residual(x, 0, context, branch)
    expect(context.dropPaths).toEqual([])
  })

  test("gives what masks give, forward and backward, whichever samples are kept, on the reference and the device", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(0, 2), { minLength: 4, maxLength: 4 }), async (mask) => {
        const factors = Float32Array.from(mask)
        const masked = { ...values, ...dropPathFeeds(byMask.context.dropPaths[0]!, factors) }
        const expected = evaluate(byMask.graph, masked)
        const feeds = { ...values, ...dropPathFeeds(byRows.context.dropPaths[0]!, factors) }
        for (const [name, value] of Object.entries(evaluate(byRows.graph, feeds))) {
          expectClose(name, value, expected[name]!, 1e-12)
        }
        const maxima = byRows.context.maxima(4)
        for (const block of [undefined, 0]) {
          for (const [name, value] of Object.entries(await runGraph(byRows.graph, feeds, { block, maxima }))) {
            expectClose(`${name} on the device`, value, expected[name]!, 1e-5)
          }
        }
      }),
      { numRuns: 8, examples: [[[0, 0, 0, 0]], [[2, 2, 2, 2]], [[0, 0, 2, 0]]] },
    )
  })

  test("the branch is given the kept samples alone", () => {
    const { rows, factors } = { rows: [1, 3], factors: [2, 2] }
    expect(dropPathFeeds(byRows.context.dropPaths[0]!, Float32Array.of(0, 2, 0, 2))).toEqual({
      "drop_path.0.rows": ndarray(BigInt64Array.from(rows, BigInt), [2], "int64"),
      "drop_path.0.factors": ndarray(factors),
    })
    const shapes: unknown[] = []
    residual(x, 0.5, new TrainingContext(4), (kept) => {
      shapes.push(kept.shape)
      return kept
    })
    expect(shapes).toEqual([["drop_path.0.kept", 5, 5, 16]])
  })
})

describe("dropout", () => {
  const x = input("x", ["N", 3])

  test("does nothing in evaluation or at rate 0", () => {
    expect(dropout(x, 0.5, evaluation)).toBe(x)
    expect(dropout(x, 0, new TrainingContext("N"))).toBe(x)
  })

  test("in training multiplies each element with its factor", () => {
    const context = new TrainingContext("N")
    const y = dropout(x, 0.5, context)
    expect(context.dropouts).toEqual([{ name: "dropout.0", rate: 0.5, shape: ["N", 3] }])
    const feeds = { x: ndarray([1, 2, 3, 4, 5, 6], [2, 3]), "dropout.0": ndarray([2, 0, 2, 0, 0, 2], [2, 3]) }
    expect([...evaluate({ y }, feeds).y!.data]).toEqual([2, 0, 6, 0, 0, 12])
  })
})
