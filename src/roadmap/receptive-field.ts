/**
 * The effective receptive field: how much each pixel of the image moves what the network sees at the centre. Luo et al.
 * 2016, "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks" (arXiv 1701.04128); of large
 * kernels Ding et al. 2022, "Scaling Up Your Kernels to 31x31" (arXiv 2203.06717), figure 1.
 */

import { gradients } from "../autodiff/gradients.ts"
import { prepareForTraining } from "../compile/compile.ts"
import type { Model } from "../models/model.ts"
import type { Network } from "../models/network.ts"
import { evaluation } from "../nn/context.ts"
import { Program } from "../runtime/program.ts"
import { printShape } from "../tensor/dim.ts"
import { InputError, UsageError } from "../tensor/errors.ts"
import type { Graph } from "../tensor/graph.ts"
import { type NdArray, ndarray, zeros } from "../tensor/ndarray.ts"
import { abs, mul, reshape, slice, sum } from "../tensor/ops/index.ts"
import { Random } from "../tensor/random.ts"
import { input, type Tensor } from "../tensor/tensor.ts"
import { smallestSquare } from "./smallest-square.ts"

export interface ReceptiveField {
  /** Share of the gradient at each pixel: [H, W], with sum 1, or 0 everywhere if the centre depends on no pixel. */
  map: NdArray<"float32">
  /** For each of {@link contributionShares} the smallest square that holds it. */
  squares: ContributionSquare[]
}

/** A part of the image that holds at least a share of the contribution. */
export interface ContributionSquare {
  share: number
  /** In pixels; 0 if the centre depends on no pixel. */
  side: number
  /** Its first row and column. */
  top: number
  left: number
}

/** Half of the contribution, most of it, and practically all. */
export const contributionShares = [0.5, 0.8, 0.99] as const

/**
 * Measures the effective receptive field of the centre of the last feature map: the absolute gradient for each pixel,
 * summed over the channels of the image, averaged over images. The channels of the map are added up with random signs,
 * others for each image: the plain sum of channels after a LayerNorm is the same for all images.
 *
 * Networks differ in where their centre looks at: convolutions with padding are centred elsewhere than patches. A square
 * stands where it is smallest, not at the middle of the image.
 * @param images float32 [N, H, W, C], as the model takes them
 * @param seed of the signs. Default 0
 * Throws a UsageError for a model without feature maps or images that it cannot take, an InputError if the gradient is
 * not finite.
 */
export async function receptiveField(
  model: Model,
  images: NdArray,
  { seed = 0 }: { seed?: number } = {},
): Promise<ReceptiveField> {
  const [count, height, width, inChannels] = images.shape as [number, number, number, number]
  if (images.shape.length !== 4 || count === 0 || inChannels !== model.config.inChannels) {
    const expected = `[N, H, W, ${model.config.inChannels}]`
    throw new UsageError(`receptiveField of ${model.name} needs images ${expected}, got ${printShape(images.shape)}`)
  }
  const { graph, channels } = contributionGraph(model.network, height, width)
  const { name, backend, threads } = model
  const program = await Program.create(graph, { name, backend, threads, constants: model.stateDict() })
  const total = new Float64Array(height * width)
  try {
    const size = images.data.length / count
    for (let i = 0; i < count; i++) {
      const image = (images.data as Float32Array).slice(i * size, (i + 1) * size)
      const feeds = { images: ndarray(image, [1, height, width, inChannels]), [SIGNS]: signs(channels, seed, i) }
      const { contribution } = await program.run(feeds)
      contribution!.data.forEach((value, pixel) => {
        total[pixel]! += Number(value)
      })
    }
  } finally {
    await program.dispose()
  }
  return summarise(model.name, total, height, width)
}

const SIGNS = "signs"

/** Random signs [channels] for one image. */
function signs(channels: number, seed: number, image: number): NdArray {
  const random = new Random(seed, "receptive-field", image)
  return ndarray(Float32Array.from({ length: channels }, () => (random.integer(2) === 0 ? -1 : 1)))
}

/** From one image and signs to the absolute gradient of the centre for each pixel, [H, W]. */
function contributionGraph(network: Network, height: number, width: number): { graph: Graph; channels: number } {
  const images = network.images(1, height, width)
  const { map } = prepareForTraining({ map: lastFeatureMap(network, images) })
  const [, rows, columns, channels] = map!.shape as [number, number, number, number]
  const centre = [rows, columns].reduce((x, size, i) => {
    const middle = Math.floor(size / 2)
    return slice(x, i + 1, middle, middle + 1)
  }, map!)
  const seen = sum(mul(reshape(centre, [channels]), input(SIGNS, [channels])))
  const [gradient] = gradients(seen, [images])
  return { graph: { contribution: sum(abs(gradient!), [0, 3]) }, channels }
}

/** The last feature map [N, h, w, C]: of a plain transformer the tokens of the patches in their places. */
function lastFeatureMap(network: Network, images: Tensor): Tensor {
  const features = network.root.forwardFeatures(images, evaluation)
  if (features.rank === 4) return features
  if (network.root.featureInfo.length > 0) return network.root.forwardPyramid(images, evaluation).at(-1)!
  throw new UsageError(`${network.description.name} has no feature map: its forwardFeatures gives ${features}`)
}

function summarise(model: string, total: Float64Array, height: number, width: number): ReceptiveField {
  const sumOfAll = total.reduce((a, b) => a + b, 0)
  if (!Number.isFinite(sumOfAll)) {
    throw new InputError(`the gradient of ${model} for its images is not finite: do its weights hold NaN?`)
  }
  const map =
    sumOfAll > 0
      ? ndarray(
          total.map((value) => value / sumOfAll),
          [height, width],
        )
      : zeros([height, width])
  const squares = contributionShares.map((share) => ({ share, ...smallestSquare(total, [height, width], share) }))
  return { map, squares }
}
