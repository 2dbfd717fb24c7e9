/**
 * A training step of a small model of each kind on each device: the loss, all gradients and what it leaves behind against
 * those of the CPU, and where it is computed.
 */

import type { InferenceSession } from "onnxruntime-common"
import { describe, expect, test } from "vitest"
import { compile } from "../../src/compile/compile.ts"
import { createModel, createTrainer, type Model } from "../../src/index.ts"
import { Network } from "../../src/models/network.ts"
import { describeModel } from "../../src/models/registry.ts"
import { backendFor } from "../../src/runtime/backend.ts"
import { buildStepGraph } from "../../src/train/step-graph.ts"
import { expectClose, randomArray } from "../support/arrays.ts"
import { testDevices } from "../support/devices.ts"
import { batchOf, CLASSES, sgd } from "../support/training.ts"

interface SmallModel {
  family: string
  config: Record<string, unknown>
}

const resnet = { layers: [1, 1, 1, 1], channels: [8, 8, 16, 16], zeroInitLast: false }

const models: Record<string, SmallModel> = {
  ConvNeXt: { family: "convnext", config: { depths: [1, 1], dims: [8, 16], patchSize: 2, lsInitValue: 0.1 } },
  "ConvNeXt V2": { family: "convnext", config: { depths: [1, 1], dims: [8, 16], patchSize: 2, useGrn: true } },
  "ResNet of basic blocks": { family: "resnet", config: { ...resnet, block: "basic" } },
  "ResNet of bottlenecks": { family: "resnet", config: { ...resnet, block: "bottleneck", avgDown: true } },
  ResNeXt: { family: "resnet", config: { ...resnet, block: "bottleneck", cardinality: 4, baseWidth: 16 } },
  ViT: { family: "vit", config: { patchSize: 8, embedDim: 16, depth: 2, numHeads: 2 } },
  Swin: {
    family: "swin",
    config: { patchSize: 2, embedDim: 8, depths: [2, 1], numHeads: [1, 2], windowSize: 4 },
  },
}

/** The side of the images, in pixels: what is left of them in the last stage of a ResNet is a map of 2 x 2. */
const SIZE = 64

/** The model with weights that are large enough that all gradients count, on a device. */
async function modelOn(device: string, { family, config }: SmallModel): Promise<Model> {
  const model = await createModel(family, { config, numClasses: CLASSES, inputSize: SIZE, threads: 1, device: "cpu" })
  for (const [name, { shape, data }] of Object.entries(model.weights)) {
    if (shape.length > 1) data.set(randomArray(shape, name, { std: 0.2 }).data as Float32Array & BigInt64Array)
  }
  return Object.assign(model, { backend: await backendFor(device) })
}

/** The loss and the gradients of a batch, and the weights and running statistics after a step of plain gradient descent. */
async function train(device: string, small: SmallModel) {
  const model = await modelOn(device, small)
  const trainer = await createTrainer(model, { optimizer: sgd })
  const batch = { ...batchOf(0), images: randomArray([4, SIZE, SIZE, 3], "images") }
  const { loss, gradients } = await trainer.gradients(batch)
  await trainer.step({ ...batch, lr: 0.01 })
  await trainer.sync()
  const weights = model.stateDict()
  await trainer.dispose()
  await model.dispose()
  return { loss, gradients, weights }
}

describe.each(testDevices.filter((device) => device !== "cpu"))(
  "a training step on %s is that of the CPU",
  (device) => {
    test.each(Object.keys(models))("of %s", async (name) => {
      const [there, cpu] = [await train(device, models[name]!), await train("cpu", models[name]!)]
      expect(there.loss).toBeCloseTo(cpu.loss, 4)
      for (const [parameter, gradient] of Object.entries(cpu.gradients)) {
        expectClose(`gradient of ${parameter}`, there.gradients[parameter]!, gradient, 2e-4)
      }
      for (const [weight, value] of Object.entries(cpu.weights)) {
        expectClose(weight, there.weights[weight]!, value, 1e-4, 1e-2)
      }
    })
  },
)

/** Refuses a model of which ONNX Runtime would compute a part on the CPU. */
const strict: InferenceSession.SessionOptions = {
  executionProviders: ["webgpu"],
  logSeverityLevel: 3,
  extra: { session: { disable_cpu_ep_fallback: "1" } },
}

describe.runIf(testDevices.includes("webgpu"))(
  "a training step on WebGPU leaves nothing but counters to the CPU",
  () => {
    test.each(Object.keys(models))("of %s", async (name) => {
      const { family, config } = models[name]!
      const network = new Network(describeModel(family, { ...config, numClasses: CLASSES }, SIZE))
      const { graph } = buildStepGraph(network, {
        images: [2, SIZE, SIZE, 3],
        trained: [...network.parameters.keys()],
        recompute: "none",
      })
      const { model } = compile(
        Object.fromEntries(Object.entries(graph).filter(([, output]) => output.dtype !== "int64")),
        { name, device: "webgpu" },
      )
      const { InferenceSession } = (await import("onnxruntime-node")).default
      await (await InferenceSession.create(model, strict)).release()
    })
  },
)
