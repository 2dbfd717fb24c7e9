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
import { type Graph, graphInputs } from "../tensor/graph.ts"
import { type NdArray, ndarray } from "../tensor/ndarray.ts"
import { conv2d, crossEntropy, gelu, maxPool2d, mean, mul, softmax, square, sub } from "../tensor/ops/index.ts"
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

/** Convolutions of the kinds that lowering tells apart, and maximum pooling: their loss and all gradients. */
function convolutionStep(optimize: Partial<Record<PassName, boolean>>): Graph {
  const weights = {
    stem: input("stem", [32, 3, 2, 2]),
    dense: input("dense", [32, 32, 3, 3]),
    grouped: input("grouped", [32, 16, 3, 3]),
    pointwise: input("pointwise", [16, 32, 1, 1]),
    depthwise: input("depthwise", [16, 1, 3, 3]),
    scale: input("scale", [16]),
  }
  const patches = conv2d(input("x", [2, 16, 16, 3]), weights.stem, undefined, { stride: 2 })
  const pooled = maxPool2d(conv2d(patches, weights.dense, undefined, { padding: 1 }), { kernelSize: 2 })
  const mixed = gelu(mul(conv2d(pooled, weights.grouped, undefined, { padding: 1, groups: 2 }), 1))
  const halved = conv2d(mixed, weights.pointwise, undefined, { stride: 2 })
  const spread = conv2d(halved, weights.depthwise, undefined, { padding: 1, groups: 16 })
  const forward = { y: mul(spread, mul(weights.scale, sub(constant(5), 2))) }
  const { y } = prepareForTraining(forward, { optimize })
  const dx = gradients(mean(square(y!)), Object.values(weights))
  return { y: y!, ...Object.fromEntries(Object.keys(weights).map((name, i) => [`gradient/${name}`, dx[i]!])) }
}

describe("a training step of convolutions", () => {
  const values = Object.fromEntries(
    [...graphInputs(convolutionStep({}))].map(([name, x]) => [
      name,
      randomArray(x.shape as number[], name, { std: 0.3 }),
    ]),
  )
  const expected = evaluate(convolutionStep({}), values)
  const lowered = (left: PassName[], device?: string) => {
    const optimize = Object.fromEntries(left.map((name) => [name, false]))
    return countOps(lower(convolutionStep(optimize), { block: 16, device, optimize }))
  }

  test.each<PassName>([
    "pointwise",
    "patches",
    "depthwise",
    "filterGradients",
    "constants",
    "simplify",
    "commonSubexpressions",
  ])("is another graph without the pass %s, with the same results", async (name) => {
    expect(lowered([name])).not.toEqual(lowered([]))
    const optimize = { [name]: false }
    const actual = await runGraph(convolutionStep(optimize), values, { optimize })
    for (const [output, value] of Object.entries(expected)) expectClose(output, actual[output]!, value, 2e-5)
  })

  test("is lowered further for WebGPU", () => {
    expect(lowered([]).maxPool2dGradient).toBe(1)
    expect(lowered([], "webgpu").maxPool2dGradient).toBeUndefined()
  })
})
