import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { createModel, createTrainer, defineModel, exportOnnx, listModels, loadRun } from "../index.ts"
import type { Context } from "../nn/context.ts"
import { ones } from "../nn/initializers.ts"
import { Conv2d, Linear } from "../nn/layers.ts"
import { chain, Module, Parameter } from "../nn/module.ts"
import { LayerNorm } from "../nn/norm.ts"
import { saveModel } from "../run/checkpoint.ts"
import { UsageError } from "../tensor/errors.ts"
import { ndarray } from "../tensor/ndarray.ts"
import { add, gelu, mean, mul, reshape } from "../tensor/ops/index.ts"
import { Random } from "../tensor/random.ts"
import type { Tensor } from "../tensor/tensor.ts"

class Mixer extends Module {
  readonly norm: LayerNorm
  readonly fc: Linear
  constructor(width: number) {
    super()
    this.norm = new LayerNorm(width)
    this.fc = new Linear(width, width)
  }
  forward(x: Tensor): Tensor {
    return add(x, gelu(this.fc.forward(this.norm.forward(x))))
  }
}

class Net extends Module {
  readonly scale = new Parameter([1], ones)
  readonly stem: Conv2d
  readonly blocks: Mixer[]
  readonly head: Linear
  constructor(inChannels: number, width: number, numClasses: number) {
    super()
    this.stem = new Conv2d(inChannels, width, { kernelSize: 4, stride: 4 })
    this.blocks = [new Mixer(width), new Mixer(width)]
    this.head = new Linear(width, numClasses)
  }
  forward(x: Tensor, context: Context): Tensor {
    const features = chain(this.blocks, this.stem.forward(mul(x, this.scale)), context)
    return this.head.forward(mean(features, [1, 2]))
  }
}

defineModel({
  name: "own_net",
  defaults: { width: 8, numClasses: 5 },
  preprocessing: { inputSize: 16 },
  build: ({ inChannels, width, numClasses }) => new Net(inChannels, width, numClasses),
})

/** Images of noise, their brightness that of their class. */
function batch(count: number, classes: number, channels = 3) {
  const targets = Int32Array.from({ length: count }, (_, i) => i % classes)
  const images = ndarray(new Float32Array(count * 16 * 16 * channels), [count, 16, 16, channels])
  new Random(1, "images").fillNormal(images.data, 0, 0.1)
  const perImage = 16 * 16 * channels
  images.data.forEach((_, i) => {
    images.data[i]! += targets[Math.floor(i / perImage)]!
  })
  return { images, targets: ndarray(targets, [count], "int32") }
}

describe("a network of one's own", () => {
  test("is a model like others: listed, made by its name with its options, described", async () => {
    expect(listModels("own_*")).toMatchObject([{ name: "own_net", family: "own_net", inputSize: 16 }])
    const model = await createModel("own_net", { config: { width: 12 }, inChannels: 1, numClasses: 3 })
    expect(model.config).toEqual({ width: 12, inChannels: 1, numClasses: 3, dropPathRate: 0 })
    expect(model.dataConfig).toMatchObject({ inputSize: 16, channels: 1 })
    expect(model.stateDict()["stem.weight"]!.shape).toEqual([12, 1, 4, 4])
    expect(model.summary().at(-1)).toMatchObject({ name: "head", type: "Linear", outputShape: ["N", 3] })
    const { shape } = await model.forward(batch(2, 3, 1).images)
    expect(shape).toEqual([2, 3])
    await model.dispose()
  })

  test("its layers are found out: classifier, first convolution, layer groups", async () => {
    const { network } = await createModel("own_net")
    expect(network.root.classifiers).toEqual(["head"])
    expect(network.root.firstConv).toBe("stem")
    expect(network.root.featureInfo).toEqual([])
    const groups = (await createModel("own_net")).layerGroups()
    expect(groups).toEqual([
      ["scale"],
      ["stem.weight", "stem.bias"],
      ["blocks.0.norm.weight", "blocks.0.norm.bias", "blocks.0.fc.weight", "blocks.0.fc.bias"],
      ["blocks.1.norm.weight", "blocks.1.norm.bias", "blocks.1.fc.weight", "blocks.1.fc.bias"],
      ["head.weight", "head.bias"],
    ])
  })

  test("it trains, with frozen layers, decay by layer and an average; a new classifier keeps the rest", async () => {
    const model = await createModel("own_net", { numClasses: 2 })
    const before = model.stateDict()
    const trainer = await createTrainer(model, {
      optimizer: { name: "adamw", lr: 0.02, layerDecay: 0.8 },
      freeze: ["blocks.0"],
      ema: { decay: 0.5 },
    })
    const losses: number[] = []
    for (let i = 0; i < 15; i++) losses.push((await trainer.step(batch(8, 2))).loss)
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2)
    expect(model.stateDict()["blocks.0.fc.weight"]).toEqual(before["blocks.0.fc.weight"])
    expect(model.stateDict()["blocks.1.fc.weight"]).not.toEqual(before["blocks.1.fc.weight"])
    await trainer.dispose()
    const trained = model.stateDict()
    model.resetClassifier(4)
    expect((await model.forward(batch(1, 4).images)).shape).toEqual([1, 4])
    expect(model.stateDict()["stem.weight"]).toEqual(trained["stem.weight"])
    await model.dispose()
  })

  test("its checkpoint says what it is, and its ONNX model gives the same logits", async () => {
    const folder = await mkdtemp(join(tmpdir(), "own-"))
    try {
      const model = await createModel("own_net", { config: { width: 12 }, classes: ["a", "b"] })
      const file = join(folder, "own.safetensors")
      await saveModel(file, model)
      const loaded = await loadRun(file)
      expect(loaded.config).toEqual(model.config)
      expect(loaded.stateDict()).toEqual(model.stateDict())
      const { maxDifference } = await exportOnnx(loaded, join(folder, "own.onnx"))
      expect(maxDifference).toBeLessThan(1e-4)
      await Promise.all([model.dispose(), loaded.dispose()])
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

test("a network with features of its own keeps them", async () => {
  class Split extends Net {
    readonly classifiers = ["head"]
    forwardFeatures(x: Tensor): Tensor {
      return this.stem.forward(x)
    }
    forwardHead(features: Tensor, _: Context, { preLogits = false } = {}): Tensor {
      const pooled = mean(features, [1, 2])
      return preLogits ? pooled : this.head.forward(pooled)
    }
    override forward(x: Tensor, context: Context): Tensor {
      return this.forwardHead(this.forwardFeatures(x), context)
    }
  }
  defineModel({ name: "split_net", build: ({ inChannels, numClasses }) => new Split(inChannels, 6, numClasses) })
  const model = await createModel("split_net", { numClasses: 2, inputSize: 16 })
  const { images } = batch(1, 1)
  const features = await model.forwardFeatures(images)
  expect(features.shape).toEqual([1, 4, 4, 6])
  expect((await model.forwardHead(features, { preLogits: true })).shape).toEqual([1, 6])
  const [viaFeatures, directly] = [await model.forwardHead(features), await model.forward(images)]
  viaFeatures.data.forEach((logit, i) => {
    expect(logit).toBeCloseTo(Number(directly.data[i]), 6)
  })
  await model.dispose()
})

test("a network for one size is built for the size that is asked for", async () => {
  class Flat extends Module {
    readonly head: Linear
    constructor(size: number, numClasses: number) {
      super()
      this.head = new Linear(size * size * 3, numClasses)
    }
    forward(x: Tensor): Tensor {
      return this.head.forward(reshape(x, [x.dim(0), -1]))
    }
  }
  defineModel({
    name: "flat_net",
    defaults: { imgSize: 8 },
    preprocessing: { inputSize: 8 },
    sizeField: "imgSize",
    build: ({ imgSize, numClasses }) => new Flat(imgSize, numClasses),
  })
  const model = await createModel("flat_net", { inputSize: 16, numClasses: 2 })
  expect((await model.forward(batch(3, 1).images)).shape).toEqual([3, 2])
  // No layer is known to read the images alone: none is adapted to other channels.
  expect(model.network.root.firstConv).toBe("")
  await model.dispose()
})

describe("a mistake is a UsageError that says what to do", () => {
  const net = ({ inChannels, numClasses }: { inChannels: number; numClasses: number }) =>
    new Net(inChannels, 4, numClasses)

  test.each([
    ["own_net", "there is a model own_net already"],
    ["convnext_tiny", "there is a model convnext_tiny already"],
    ["resnet", "there is a model resnet already"],
    ["my net", 'consists of letters, digits, _ and -, got "my net"'],
    ["../net", "consists of letters"],
    ["", "consists of letters"],
  ])("the name %j", (name, message) => {
    expect(() => defineModel({ name, build: net })).toThrow(UsageError)
    expect(() => defineModel({ name, build: net })).toThrow(message)
  })

  test("no classes, an option that there is not", async () => {
    await expect(createModel("own_net", { numClasses: 0 })).rejects.toThrow("numClasses of own_net must be a whole")
    await expect(createModel("own_net", { config: { widht: 3 } })).rejects.toThrow("did you mean width?")
  })

  test("a classifier that does not follow the number of classes", async () => {
    defineModel({ name: "fixed_net", build: ({ inChannels }) => new Net(inChannels, 4, 7) })
    await expect(createModel("fixed_net")).rejects.toThrow("fixed_net: no layer depends on numClasses")
  })

  test("a result that is not logits", async () => {
    class Grid extends Net {
      override forward(x: Tensor): Tensor {
        return this.head.forward(this.stem.forward(x))
      }
    }
    defineModel({ name: "grid_net", build: ({ inChannels, numClasses }) => new Grid(inChannels, 4, numClasses) })
    const model = await createModel("grid_net", { numClasses: 3 })
    await expect(model.forward(batch(1, 1).images)).rejects.toThrow(
      "grid_net: forward must give [N, 3], it gives [N, 4, 4, 3]",
    )
  })

  test("half of what belongs together, and a pyramid that there is not", async () => {
    class Half extends Net {
      forwardFeatures(x: Tensor): Tensor {
        return this.stem.forward(x)
      }
    }
    defineModel({ name: "half_net", build: ({ inChannels, numClasses }) => new Half(inChannels, 4, numClasses) })
    await expect(createModel("half_net")).rejects.toThrow("forwardFeatures and forwardHead go together")
    const model = await createModel("own_net")
    await expect(model.forwardPyramid(batch(1, 1).images)).rejects.toThrow("own_net gives no feature pyramid")
  })
})
