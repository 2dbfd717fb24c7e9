import { describe, expect, test } from "vitest"
import { expectClose, largest, numbers, randomArray } from "../../test/support/arrays.ts"
import { runGraph } from "../../test/support/check-op.ts"
import { checkPass, checkPassOn, countOps } from "../../test/support/check-pass.ts"
import { gradients } from "../autodiff/gradients.ts"
import { Network } from "../models/network.ts"
import { describeModel } from "../models/registry.ts"
import { dropPathFeeds, TrainingContext } from "../nn/context.ts"
import { backendFor } from "../runtime/backend.ts"
import { evaluate } from "../tensor/evaluate.ts"
import type { Graph } from "../tensor/graph.ts"
import { type NdArray, ndarray } from "../tensor/ndarray.ts"
import { crossEntropy, softmax } from "../tensor/ops/index.ts"
import { constant, input } from "../tensor/tensor.ts"
import { lower, type PassName, passes, prepareForTraining, trainingPasses } from "./compile.ts"

const [BATCH, SIZE, CLASSES] = [2, 20, 4]
const network = new Network(
  describeModel("convnext", {
    depths: [1, 2],
    dims: [16, 32],
    patchSize: 2,
    numClasses: CLASSES,
    lsInitValue: 0.1,
    dropPathRate: 0.5,
    kernelSizes: [7, 5],
  }),
)

const { context: traced } = traceStep()
const [maxima, dropPaths] = [traced.maxima(BATCH), traced.dropPaths]

function traceStep() {
  const context = new TrainingContext(BATCH)
  return { context, logits: network.trace(BATCH, SIZE, SIZE, context).logits }
}

/** A training step of a small ConvNeXt: its loss and all gradients. */
function trainingStep(prepare: (graph: Graph) => Graph): Graph {
  const { logits } = prepare({ logits: traceStep().logits })
  const loss = crossEntropy(logits!, input("targets", [BATCH, CLASSES]))
  const names = [...network.parameters.keys()]
  const dx = gradients(loss, [...network.parameters.values()])
  return { loss, ...Object.fromEntries(names.map((name, i) => [`gradient/${name}`, dx[i]!])) }
}

function feeds(): Record<string, NdArray> {
  const weights = [...network.parameters].map(([name, { size }]) => {
    const [mean, std] = size.length > 1 ? [0, 0.3] : [0.5, 0.3]
    return [name, randomArray(size, name, { mean, std })] as const
  })
  const masks = dropPaths.map((dropPath, i) =>
    dropPathFeeds(
      dropPath,
      Float32Array.from({ length: BATCH }, (_, n) => ((n + i) % 2) * 1.2),
    ),
  )
  return {
    ...Object.fromEntries(weights),
    ...Object.assign({}, ...masks),
    images: randomArray([BATCH, SIZE, SIZE, 3], "images"),
    targets: evaluate({ t: softmax(constant(randomArray([BATCH, CLASSES], "targets"))) }, {}).t!,
  }
}

const float32 = (values: Record<string, NdArray>): Record<string, NdArray> =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      value.dtype === "float64" ? ndarray(Float32Array.from(numbers(value)), value.shape) : value,
    ]),
  )

describe("a training step of a small ConvNeXt", () => {
  const values = float32(feeds())
  const expected = evaluate(
    trainingStep((graph) => graph),
    values,
  )

  test("is the same after the passes before differentiation, up to rounding of constants", () => {
    const graph = { logits: network.trace("N", SIZE, SIZE).logits }
    checkPassOn(prepareForTraining, graph, values)
    const prepared = evaluate(trainingStep(prepareForTraining), values)
    for (const [name, value] of Object.entries(expected)) expectClose(name, prepared[name]!, value, 1e-6)
  })

  test("moves scales into the weights and convolutions into products", () => {
    const counts = countOps(prepareForTraining({ logits: network.trace("N", SIZE, SIZE).logits }))
    expect(counts).toMatchObject({ conv2d: 3, scaledGelu: 3 })
    expect(counts.gelu).toBeUndefined()
    expect(countOps(trainingStep(prepareForTraining)).conv2dInputGradient).toBe(3)
  })

  test.each([
    ["blocked", true, undefined],
    ["portable", true, 0],
    ["without passes", false, 0],
  ] as const)("%s agrees with the reference within float32 rounding", async (_, optimize, block) => {
    for (const prepare of [prepareForTraining, (graph: Graph) => graph]) {
      const actual = await runGraph(trainingStep(prepare), values, { optimize, block, maxima })
      for (const [name, value] of Object.entries(expected)) {
        expect(largest(value), `${name} has a gradient`).toBeGreaterThan(1e-6)
        expectClose(name, actual[name]!, value, 2e-5)
      }
    }
  })

  test.each(Object.keys({ ...trainingPasses, ...passes }) as PassName[])(
    "is the same without the pass %s",
    async (name) => {
      const optimize = { [name]: false }
      const step = trainingStep((graph) => prepareForTraining(graph, { optimize }))
      for (const block of [undefined, 0]) {
        const actual = await runGraph(step, values, { optimize, block, maxima })
        for (const [output, value] of Object.entries(expected)) expectClose(output, actual[output]!, value, 2e-5)
      }
    },
  )

  test("has blocked convolutions where the device has blocks, and none without", async () => {
    const { block } = await backendFor("cpu")
    const step = trainingStep(prepareForTraining)
    const depthwise = (used: number) => countOps(lower(step, { block: used, maxima })).blockedDepthwise
    expect(depthwise(0)).toBeUndefined()
    expect(depthwise(16)).toBe(9)
    if (block > 0) expect(depthwise(block)).toBe(9)
  })
})

describe("lower", () => {
  test("keeps what random graphs compute", () => {
    checkPass((graph) => lower(graph))
    checkPass((graph) => lower(graph, { optimize: false }), 20)
  })

  test("is at its end after one turn", () => {
    const once = lower(trainingStep(prepareForTraining), { block: 16, maxima })
    expect(countOps(lower(once, { block: 16, maxima }))).toEqual(countOps(once))
  })
})
