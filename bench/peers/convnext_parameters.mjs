/** Parameters of a ConvNeXt for peers that bring no models: timm's names, PyTorch's layouts, random values. */

/** @typedef {{ shape: number[], data: Float32Array }} Parameter */

/** timm's epsilon of ConvNeXt's layer norms. */
export const EPSILON = 1e-6

/**
 * @param {{ depths: number[], dims: number[] }} sizes blocks and channels of each stage
 * @returns {Record<string, Parameter>}
 */
export function convnextParameters({ depths, dims }) {
  return Object.fromEntries(parameterShapes(depths, dims).map(([name, shape]) => [name, randomParameter(name, shape)]))
}

function parameterShapes(depths, dims) {
  const layer = (name, shape) => [
    [`${name}.weight`, shape],
    [`${name}.bias`, [shape[0]]],
  ]
  const stage = (depth, i) => [
    ...(i > 0
      ? [
          ...layer(`stages.${i}.downsample.0`, [dims[i - 1]]),
          ...layer(`stages.${i}.downsample.1`, [dims[i], dims[i - 1], 2, 2]),
        ]
      : []),
    ...Array.from({ length: depth }, (_, j) => block(`stages.${i}.blocks.${j}`, dims[i])).flat(),
  ]
  const block = (name, channels) => [
    [`${name}.gamma`, [channels]],
    ...layer(`${name}.conv_dw`, [channels, 1, 7, 7]),
    ...layer(`${name}.norm`, [channels]),
    ...layer(`${name}.mlp.fc1`, [4 * channels, channels]),
    ...layer(`${name}.mlp.fc2`, [channels, 4 * channels]),
  ]
  return [
    ...layer("stem.0", [dims[0], 3, 4, 4]),
    ...layer("stem.1", [dims[0]]),
    ...depths.flatMap(stage),
    ...layer("head.norm", [dims.at(-1)]),
    ...layer("head.fc", [1000, dims.at(-1)]),
  ]
}

/** Uniform, of a variance that keeps activations near 1; factors of norms and layer scales are around 1. */
function randomParameter(name, shape) {
  const fanIn = shape.slice(1).reduce((product, size) => product * size, 1)
  const isFactor = shape.length === 1 && !name.endsWith(".bias")
  const bound = shape.length === 1 ? 0.1 : Math.sqrt(3 / fanIn)
  const data = Float32Array.from(
    { length: shape[0] * fanIn },
    () => (isFactor ? 1 : 0) + bound * (2 * Math.random() - 1),
  )
  return { shape, data }
}

/** Images of any content, [N, H, W, 3]. */
export function sineImages(count, size) {
  const shape = [count, size, size, 3]
  return { shape, data: Float32Array.from({ length: count * size * size * 3 }, (_, i) => Math.sin(i)) }
}
