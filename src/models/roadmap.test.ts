import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { expectClose, largest, randomArray } from "../../test/support/arrays.ts"
import { hashWeights } from "../../test/support/hash-weights.ts"
import { createModel, createTrainer, listModels } from "../index.ts"
import { evaluation } from "../nn/context.ts"
import { InputError, UsageError } from "../tensor/errors.ts"
import { ndarray } from "../tensor/ndarray.ts"
import { buildStepGraph } from "../train/step-graph.ts"
import { Network } from "./network.ts"
import { describeModel } from "./registry.ts"
import { changesUpTo, type RoadmapChange, roadmapChanges } from "./roadmap-steps.ts"

const SIDE = 32
const CLASSES = 4
/** Widths of 4 to 8 channels, and one or two blocks in most stages. */
const SCALE = 1 / 16

const small = (steps: readonly RoadmapChange[], config: Record<string, unknown> = {}) =>
  new Network(describeModel("roadmap/50", { steps, scale: SCALE, numClasses: CLASSES, ...config }))

describe("names", () => {
  test("lists of models leave the roadmap out, and a mistyped step is recognised", async () => {
    expect(listModels("roadmap*")).toEqual([])
    await expect(createModel("roadmap/50/depthwize")).rejects.toThrow("did you mean roadmap/50/depthwise?")
  })

  test("a step has all changes that the paper kept before it", () => {
    expect(describeModel("roadmap/200/depthwise").config).toMatchObject({
      regime: 200,
      steps: ["resnet", "stage-ratio", "patchify", "depthwise"],
    })
    const kernel9 = describeModel("roadmap/50/kernel-9").config.steps as RoadmapChange[]
    expect(kernel9.slice(-2)).toEqual(["move-up", "kernel-9"])
    const gelu = describeModel("roadmap/50/gelu").config.steps as RoadmapChange[]
    expect(gelu.slice(-3)).toEqual(["move-up", "kernel-7", "gelu"])
  })

  test("the last step and the last submitted step differ by norms and layer scale", () => {
    const released = new Network(describeModel("roadmap/50/separate-downsampling")).parameters
    const submitted = new Network(describeModel("roadmap/50/separate-downsampling-as-submitted")).parameters
    const extra = [...released.keys()].filter((name) => !submitted.has(name))
    expect(extra.filter((name) => !name.endsWith(".gamma"))).toEqual([
      "stem.1.weight",
      "stem.1.bias",
      ...[1, 2, 3].flatMap((stage) => [`stages.${stage}.downsample.0.weight`, `stages.${stage}.downsample.0.bias`]),
    ])
    expect(extra.filter((name) => name.endsWith(".gamma"))).toHaveLength(18)
    expect([...submitted.keys()].filter((name) => !released.has(name))).toEqual([])
  })
})

/** Any set of changes that do not exclude each other. */
const isKernel = (change: RoadmapChange) => change.startsWith("kernel-")
const isDownsampling = (change: RoadmapChange) => change.startsWith("separate-")
const anySet = fc
  .tuple(
    fc.subarray(roadmapChanges.filter((change) => !isKernel(change) && !isDownsampling(change))),
    fc.option(fc.constantFrom(...roadmapChanges.filter(isKernel)), { nil: undefined }),
    fc.option(fc.constantFrom(...roadmapChanges.filter(isDownsampling)), { nil: undefined }),
  )
  .map(([others, ...chosen]) => [...others, ...chosen.filter((change) => change !== undefined)])

describe("recombined steps", () => {
  test("make the same network in any order", () => {
    const steps: RoadmapChange[] = ["gelu", "patchify", "kernel-7", "depthwise"]
    const shapes = (list: readonly RoadmapChange[]) =>
      [...small(list).parameters].map(([name, { size }]) => [name, size])
    expect(shapes(steps.toReversed())).toEqual(shapes(steps))
  })

  test("the wider step counts where a regime grows wider twice", () => {
    const width = (steps: readonly RoadmapChange[]) =>
      new Network(describeModel("roadmap/200", { steps })).parameters.get("stem.0.weight")!.size[0]
    expect([[], ["stage-ratio"], ["width", "stage-ratio"], ["width"]].map((s) => width(s as RoadmapChange[]))).toEqual([
      64, 84, 128, 128,
    ])
  })

  test("ConvNeXt without one step: what the others build on cannot be left out, all else can", () => {
    const all = changesUpTo("separate-downsampling")
    const outcome = all.map((left) => {
      try {
        small(all.filter((step) => step !== left)).macs(SIDE, SIDE)
        return []
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError)
        return [left]
      }
    })
    expect(outcome.flat()).toEqual(["inverted", "move-up"])
  })

  test("any set is refused in words, or makes a network whose parameters all have a gradient", () => {
    fc.assert(
      fc.property(anySet, (steps) => {
        let network: Network
        try {
          network = small(steps)
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError)
          expect((error as Error).message).toMatch(/^the step .* needs the step/)
          return
        }
        const trained = [...network.parameters.keys()]
        const { graph } = buildStepGraph(network, { images: [2, SIDE, SIDE, 3], trained, recompute: "none" })
        for (const name of trained) {
          expect(graph[`gradient/${name}`]!.shape).toEqual(network.parameters.get(name)!.size)
        }
        const levels = network.root.forwardPyramid(network.images("N", 70, 64), evaluation)
        expect(levels.map(({ shape }) => shape[3])).toEqual(network.root.featureInfo.map(({ channels }) => channels))
      }),
      { numRuns: 60 },
    )
  })

  test("are an option of createModel", async () => {
    const steps = ["patchify", "gelu"]
    const model = await createModel("roadmap/50", { steps, numClasses: CLASSES, config: { scale: SCALE } })
    expect(model.config).toMatchObject({ regime: 50, steps, scale: SCALE })
    model.resetClassifier(7)
    expect((await model.forward(randomArray([1, SIDE, SIDE, 3], "x"))).shape).toEqual([1, 7])
    await model.dispose()
    await expect(createModel("convnext_tiny", { steps })).rejects.toThrow("convnext has no option steps")
  })
})

describe.each(roadmapChanges)("%s, small", (step) => {
  const images = randomArray([4, SIDE, SIDE, 3], step)
  const batch = { images, targets: ndarray([0, 1, 2, 3], [4], "int32") }

  test("trains, and computes the same from its features", async () => {
    const options = { numClasses: CLASSES, config: { scale: SCALE }, threads: 1 }
    const model = await createModel(`roadmap/50/${step}`, options)
    model.loadStateDict(hashWeights(model.stateDict()))
    const features = await model.forwardFeatures(images)
    expectClose("logits", await model.forwardHead(features), await model.forward(images), 1e-5)
    const trainer = await createTrainer(model, { optimizer: { name: "adamw", lr: 1e-3 } })
    const { loss, gradients } = await trainer.gradients(batch)
    for (const [name, gradient] of Object.entries(gradients)) expect(largest(gradient), name).toBeGreaterThan(0)
    await trainer.step(batch)
    expect((await trainer.gradients(batch)).loss).toBeLessThan(loss)
    await Promise.all([trainer.dispose(), model.dispose()])
  })
})

describe("stochastic depth", () => {
  const forms = (step: RoadmapChange) => {
    const network = new Network(describeModel(`roadmap/50/${step}`, { dropPathRate: 0.2 }))
    const trained = [...network.parameters.keys()]
    const { dropPaths } = buildStepGraph(network, { images: [2, 64, 64, 3], trained, recompute: "none" })
    return dropPaths.map(({ rows }) => rows)
  }

  test("leaves samples out of blocks where samples do not meet", () => {
    // The first block of all has rate 0.
    expect(forms("fewer-norms")).toEqual(new Array(17).fill(false))
    const changesShape = [3, 6, 15]
    expect(forms("layer-norm")).toEqual(Array.from({ length: 17 }, (_, i) => !changesShape.includes(i + 1)))
    expect(forms("separate-downsampling")).toEqual(new Array(17).fill(true))
  })
})

test("parameters are grouped by block, the downsampling with the block after it", () => {
  const { root, parameters } = new Network(describeModel("roadmap/50/separate-downsampling"))
  const convnext = new Network(describeModel("convnext_tiny"))
  for (const name of parameters.keys()) expect(root.layerGroup(name), name).toBe(convnext.root.layerGroup(name))
  const resnet = new Network(describeModel("roadmap/50/resnet")).root
  expect(resnet.layerGroup("stages.1.blocks.0.shortcut.0.weight")).toBe(4)
  expect(resnet.layerGroup("head.fc.bias")).toBe(17)
})

test("features are those of bottlenecks four times as wide, until they are inverted", () => {
  const channels = (name: string) => new Network(describeModel(name)).root.featureInfo.map((level) => level.channels)
  expect(channels("roadmap/50/width")).toEqual([384, 768, 1536, 3072])
  expect(channels("roadmap/50/inverted")).toEqual([96, 192, 384, 768])
})

test("a scale shrinks widths and depths, and leaves every stage a block", () => {
  const { stages } = small(["stage-ratio", "patchify"], { scale: 0.25 }).root as unknown as {
    stages: { blocks: unknown[] }[]
  }
  expect(stages.map(({ blocks }) => blocks.length)).toEqual([1, 1, 3, 1])
  expect(small([], { scale: 0.25 }).parameters.get("stem.0.weight")!.size).toEqual([16, 3, 7, 7])
  const third = small([], { scale: 1 / 3 }).root as unknown as { stages: { blocks: unknown[] }[] }
  expect(third.stages.map(({ blocks }) => blocks.length)).toEqual([1, 2, 2, 1])
})

describe("mistakes get one clear line", () => {
  test.each<[Record<string, unknown>, string]>([
    [{ steps: ["depthwize"] }, "the roadmap has no step depthwize, did you mean depthwise?"],
    [{ steps: ["attention"] }, "the roadmap has no step attention; there are resnet, stage-ratio, patchify"],
    [{ steps: "gelu" }, 'steps must be a list of the roadmap\'s steps, got "gelu"'],
    [{ steps: [7] }, "the roadmap has no step 7"],
    [{ steps: ["gelu", "gelu"] }, "the step gelu is given twice"],
    [{ steps: ["kernel-5", "kernel-7"] }, "the steps kernel-5 and kernel-7 exclude each other: leave one out"],
    [
      { steps: ["move-up"] },
      "the step move-up needs the step inverted: only an inverted block is thin where it begins",
    ],
    [{ steps: ["inverted", "fewer-norms"] }, "the step fewer-norms needs the step move-up: the norm that stays"],
    [{ regime: 60 }, "regime must be 50 or 200, got 60"],
    [{ scale: 0.005 }, "a scale of 0.005 leaves no channel: the first stage has 64"],
    [{ scale: 0 }, "scale must be a number above 0, got 0"],
    [{ scale: Number.NaN }, "scale must be a number above 0, got NaN"],
    [{ scale: 30 }, "scale must be at most 8, got 30"],
    [{ dropRate: 1 }, "dropRate must be at least 0 and below 1, got 1"],
    [{ depths: [1] }, "roadmap has no option depths"],
  ])("%o", (config, message) => {
    expect(() => describeModel("roadmap/50", config)).toThrow(UsageError)
    expect(() => describeModel("roadmap/50", config)).toThrow(message)
  })

  test("steps given to a network that has its own", async () => {
    await expect(createModel("roadmap/50/gelu", { steps: ["patchify"] })).rejects.toThrow(
      "roadmap/50/gelu has its steps already: give steps with roadmap/50",
    )
  })

  test("an image smaller than the stride of the network", async () => {
    await expect(createModel("roadmap/50/depthwise", { inputSize: 31 })).rejects.toThrow(
      "inputSize of roadmap/50/depthwise must be a whole number of at least 32, got 31",
    )
  })

  test("weights of another step", async () => {
    const model = await createModel("roadmap/50/gelu", { config: { scale: SCALE } })
    const other = await createModel("roadmap/50/layer-norm", { config: { scale: SCALE } })
    expect(() => model.loadStateDict(other.stateDict())).toThrow(InputError)
    await Promise.all([model.dispose(), other.dispose()])
  })
})
