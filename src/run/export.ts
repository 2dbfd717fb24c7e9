/** Export of a model as ONNX, with all that is needed to use it elsewhere. */

import { compile } from "../compile/compile.ts"
import type { EncodedModel } from "../compile/onnx/encode.ts"
import { resolveDataConfig } from "../data/config.ts"
import type { Model } from "../models/model.ts"
import { evaluation } from "../nn/context.ts"
import { InputError } from "../tensor/errors.ts"
import { type NdArray, ndarray, sizeOf } from "../tensor/ndarray.ts"
import { transpose } from "../tensor/ops/index.ts"
import { Random } from "../tensor/random.ts"
import { input } from "../tensor/tensor.ts"
import { writeOnnx } from "./onnx-files.ts"

export interface ExportResult {
  path: string
  /** The file beside it that holds the weights of a model of more than 2 GB, which `path` names by its file name. */
  dataPath?: string
  /** Bytes of both. */
  bytes: number
  /** Largest difference of a logit from the model's own, over some random batches. */
  maxDifference: number
}

export interface ExportOptions {
  /** Weights of more bytes than this go to a file beside the model. Default 2 GB, protobuf's limit less room for the graph. */
  maxEmbedded?: number
}

/** Protobuf ends at 2^31 - 1 bytes. */
const MAX_EMBEDDED = 2_000_000_000
/** Smaller tensors stay in the model, for the sake of what reads shapes from them. */
const EXTERNAL_FROM = 1024

/** Differences beyond this share of the largest logit are no rounding. */
const TOLERANCE = 1e-4

/**
 * Writes a model as ONNX (opset 21, batch size open). Input `images` is float32 [N, C, H, W] in the usual layout of
 * exported models, normalised as the metadata says; output `logits` is [N, numClasses]. The metadata holds `labels`
 * and `preprocessing` as JSON.
 * A model of more than 2 GB is two files: `PATH`, and its weights in `PATH.data`, to be kept together.
 * The file is written only once its output was compared with the model's own. Throws an Error if they differ, and an
 * InputError if it cannot be written.
 */
export async function exportOnnx(
  model: Model,
  path: string,
  { maxEmbedded = MAX_EMBEDDED }: ExportOptions = {},
): Promise<ExportResult> {
  const bytes = Object.values(model.weights).reduce((sum, { data }) => sum + data.byteLength, 0)
  const encoded = encodeForExport(model, bytes > maxEmbedded ? EXTERNAL_FROM : undefined)
  const maxDifference = await compare(model, encoded)
  return { path, ...(await writeOnnx(path, encoded)), maxDifference }
}

function encodeForExport(
  { name, network, dataConfig, classes = [], weights }: Model,
  externalFrom: number | undefined,
): EncodedModel {
  const { height, width, channels, mean, std, interpolation, cropPct, cropMode } = resolveDataConfig(dataConfig)
  const images = input("images", ["N", channels, height, width])
  const logits = network.root.forward(transpose(images, [0, 2, 3, 1]), evaluation)
  const preprocessing = {
    inputSize: [channels, height, width],
    layout: "NCHW",
    mean,
    std,
    interpolation,
    cropPct,
    cropMode,
  }
  return compile(
    { logits },
    {
      name,
      initializers: weights,
      externalFrom,
      metadata: { model: name, labels: JSON.stringify(classes), preprocessing: JSON.stringify(preprocessing) },
    },
  )
}

/** Runs the exported model beside the original on random images, one and three at a time. */
async function compare(model: Model, encoded: EncodedModel): Promise<number> {
  const { inputSize: size, channels } = model.dataConfig
  const session = await model.backend.createSession(encoded, { threads: model.threads })
  try {
    let largest = 0
    for (const batch of [1, 3]) {
      const shape = [batch, size, size, channels]
      const nhwc = ndarray(new Float32Array(sizeOf(shape)), shape)
      new Random(0, "export", batch).fillNormal(nhwc.data)
      const own = (await model.forward(nhwc)).data as Float32Array
      const { logits } = await session.run({ images: toNchw(nhwc) })
      if (!own.every(Number.isFinite)) {
        throw new InputError(
          `${model.name} gives values that are not finite: its weights are damaged, or training diverged; nothing was written`,
        )
      }
      const scale = own.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3)
      own.forEach((value, i) => {
        const difference = Math.abs(value - Number(logits!.data[i]))
        if (!(difference <= TOLERANCE * scale)) {
          throw new Error(
            `the exported model gives ${logits!.data[i]} where the model gives ${value}: nothing was written`,
          )
        }
        largest = Math.max(largest, difference)
      })
    }
    return largest
  } finally {
    await session.dispose()
  }
}

function toNchw({ shape, data }: NdArray<"float32">): NdArray<"float32"> {
  const [batch, height, width, channels] = shape as [number, number, number, number]
  const out = new Float32Array(data.length)
  const pixels = height * width
  for (let n = 0; n < batch; n++) {
    for (let p = 0; p < pixels; p++) {
      for (let c = 0; c < channels; c++) out[(n * channels + c) * pixels + p] = data[(n * pixels + p) * channels + c]!
    }
  }
  return ndarray(out, [batch, channels, height, width])
}
