import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkOp } from "../../../test/support/check-op.ts"
import { evaluate } from "../evaluate.ts"
import { ndarray } from "../ndarray.ts"
import { input } from "../tensor.ts"
import { type Conv2dOptions, type ConvTranspose2dOptions, conv2d, convTranspose2d } from "./index.ts"

interface ConvCase extends Conv2dOptions {
  /** [N, H, W, I] */
  x: number[]
  /** [O, I / groups, kh, kw] */
  weight: number[]
  bias: boolean
}

async function check({ x, weight, bias, ...options }: ConvCase): Promise<void> {
  const inputs = [randomArray(x, "x"), randomArray(weight, "w")]
  if (bias) inputs.push(randomArray([weight[0]!], "b"))
  await checkOp({ inputs, build: (a, w, b) => conv2d(a!, w!, b, options), batched: [0] })
}

const upTo = (max: number, min = 1) => fc.integer({ min, max })
const pairUpTo = (max: number, min = 1) => fc.tuple(upTo(max, min), upTo(max, min))

/** A convolution of any kind whose kernel fits into the padded input, with up to four rows and columns more. */
const anyConvolution: fc.Arbitrary<ConvCase> = fc
  .record({
    batch: upTo(3),
    kernel: pairUpTo(4),
    stride: pairUpTo(3),
    dilation: pairUpTo(2),
    padding: fc.tuple(upTo(2, 0), upTo(2, 0), upTo(2, 0), upTo(2, 0)),
    spare: pairUpTo(4, 0),
    groups: upTo(3),
    inputsPerGroup: upTo(2),
    outputsPerGroup: upTo(2),
    bias: fc.boolean(),
  })
  .map(({ batch, kernel, stride, dilation, padding, spare, groups, inputsPerGroup, outputsPerGroup, bias }) => {
    const side = (axis: 0 | 1) => {
      const covered = dilation[axis] * (kernel[axis] - 1) + 1
      return Math.max(1, covered - padding[axis] - padding[axis + 2]!) + spare[axis]
    }
    return {
      x: [batch, side(0), side(1), groups * inputsPerGroup],
      weight: [groups * outputsPerGroup, inputsPerGroup, ...kernel],
      bias,
      stride,
      dilation,
      padding,
      groups,
    }
  })

describe("conv2d and its gradients agree with the reference and with finite differences", () => {
  test("for strides, asymmetric padding, dilation and groups", async () => {
    await fc.assert(fc.asyncProperty(anyConvolution, check), { numRuns: 60, seed: 10 })
  })

  test.each([3, 8, 12, 16, 24, 32])("for a depthwise kernel over %i channels", async (channels) => {
    for (const [kernel, size] of [
      [3, 5],
      [7, 6],
    ] as const) {
      const shape = { x: [2, size, size + 1, channels], weight: [channels, 1, kernel, kernel] }
      await check({ ...shape, bias: true, padding: (kernel - 1) / 2, groups: channels })
    }
  })

  test("for depthwise kernels that move in steps, are dilated, or padded more than they are wide", async () => {
    const depthwise = { weight: [16, 1, 3, 3], bias: true, groups: 16 }
    await check({ ...depthwise, x: [2, 8, 7, 16], stride: 2, padding: 1 })
    await check({ ...depthwise, x: [2, 8, 7, 16], dilation: 2, padding: 2 })
    await check({ ...depthwise, x: [2, 4, 5, 16], padding: [0, 1, 2, 0] })
    await check({ ...depthwise, x: [1, 2, 3, 16], padding: 3 })
    await check({ ...depthwise, weight: [16, 1, 1, 1], x: [2, 3, 3, 16], padding: 1 })
  })

  test("for a depthwise kernel with two outputs for each channel", async () => {
    await check({ x: [2, 4, 4, 16], weight: [32, 1, 3, 3], bias: true, padding: 1, groups: 16 })
  })

  test("where the stride leaves the last rows and columns untouched", async () => {
    await check({ x: [2, 7, 8, 2], weight: [3, 2, 2, 2], bias: true, stride: 3 })
    await check({ x: [2, 7, 6, 3], weight: [4, 3, 4, 4], bias: true, stride: 4 })
    await check({ x: [1, 9, 9, 2], weight: [2, 1, 2, 3], bias: false, stride: 4, groups: 2 })
  })

  test("where padding alone makes up the border of the output", async () => {
    await check({ x: [2, 2, 3, 2], weight: [3, 2, 1, 1], bias: true, padding: 1 })
    await check({ x: [2, 2, 3, 2], weight: [3, 2, 2, 2], bias: true, padding: [2, 0, 0, 3], stride: 2 })
  })
})

describe('conv2d with padding "same"', () => {
  const sizes = (x: number[], kernel: number[], options: Conv2dOptions) =>
    conv2d(input("x", x), input("w", [1, x[3]!, ...kernel]), undefined, { ...options, padding: "same" }).shape.slice(
      1,
      3,
    )

  test("has ceil(size / stride) positions", () => {
    fc.assert(
      fc.property(pairUpTo(9), pairUpTo(5), pairUpTo(4), pairUpTo(3), ([h, w], kernel, stride, dilation) => {
        const expected = [Math.ceil(h / stride[0]), Math.ceil(w / stride[1])]
        expect(sizes([1, h, w, 2], kernel, { stride, dilation })).toEqual(expected)
      }),
      { numRuns: 100, seed: 12 },
    )
  })

  test("puts the odd row and column at the end", () => {
    const padsOf = (kernel: number[], options: Conv2dOptions) => {
      const y = conv2d(input("x", [1, 5, 6, 1]), input("w", [1, 1, ...kernel]), undefined, options)
      return (y.node.attributes as { pads: number[] }).pads
    }
    expect(padsOf([4, 3], { padding: "same" })).toEqual([1, 1, 2, 1])
    expect(padsOf([3, 3], { padding: "same", stride: 2 })).toEqual([1, 0, 1, 1])
    expect(padsOf([1, 2], { padding: "same", stride: 3 })).toEqual([0, 0, 0, 0])
  })

  test("refuses what is no map", () => {
    const x = input("x", ["N", 5, 2])
    expect(() => conv2d(x, input("w", [1, 2, 3, 3]), undefined, { padding: "same" })).toThrow(
      "conv2d: x must have rank 4, got [N, 5, 2]",
    )
    expect(() =>
      conv2d(input("x", ["N", "H", 5, 2]), input("w", [1, 2, 3, 3]), undefined, { padding: "same" }),
    ).toThrow("conv2d: height, width and kernel must be numbers, got H and 3")
  })

  test("agrees with the reference and with finite differences", async () => {
    await check({ x: [2, 5, 6, 2], weight: [3, 2, 2, 4], bias: true, padding: "same" })
    await check({ x: [1, 5, 6, 4], weight: [4, 1, 3, 3], bias: false, padding: "same", stride: 2, groups: 4 })
  })
})

describe("convTranspose2d", () => {
  interface TransposeCase extends ConvTranspose2dOptions {
    /** [N, H, W, I] */
    x: number[]
    /** [I, O / groups, kh, kw] */
    weight: number[]
    bias: boolean
  }

  async function checkTransposed({ x, weight, bias, ...options }: TransposeCase): Promise<void> {
    const inputs = [randomArray(x, "x"), randomArray(weight, "w")]
    if (bias) inputs.push(randomArray([weight[1]! * (options.groups ?? 1)], "b"))
    await checkOp({ inputs, build: (a, w, b) => convTranspose2d(a!, w!, b, options), batched: [0] })
  }

  const anyTransposed: fc.Arbitrary<TransposeCase> = fc
    .record({
      batch: upTo(2),
      size: pairUpTo(4),
      kernel: pairUpTo(4),
      stride: pairUpTo(3),
      padding: pairUpTo(1, 0),
      extra: pairUpTo(2, 0),
      groups: upTo(2),
      inputsPerGroup: upTo(2),
      outputsPerGroup: upTo(3),
      bias: fc.boolean(),
    })
    .map(({ batch, size, kernel, stride, padding, extra, groups, inputsPerGroup, outputsPerGroup, bias }) => {
      const taps = ([0, 1] as const).map((axis) => Math.max(kernel[axis], 2 * padding[axis] + 1))
      return {
        x: [batch, ...size, groups * inputsPerGroup],
        weight: [groups * inputsPerGroup, outputsPerGroup, ...taps],
        bias,
        stride,
        padding,
        outputPadding: [Math.min(extra[0], stride[0] - 1), Math.min(extra[1], stride[1] - 1)] as const,
        groups,
      }
    })

  test("agrees with the reference and with finite differences", async () => {
    await fc.assert(fc.asyncProperty(anyTransposed, checkTransposed), { numRuns: 25, seed: 13 })
  })

  test("does so over 16 channels that do not mix", async () => {
    await checkTransposed({ x: [2, 3, 4, 16], weight: [16, 1, 3, 3], bias: true, padding: 1, groups: 16 })
    await checkTransposed({ x: [2, 3, 4, 16], weight: [16, 1, 2, 2], bias: true, stride: 2, groups: 16 })
  })

  test("spreads each input over the outputs that its taps reach", () => {
    const feeds = { x: ndarray([1, 2], [1, 1, 2, 1]), w: ndarray([1, 10, 100], [1, 1, 1, 3]) }
    const build = (options: ConvTranspose2dOptions) => {
      const y = convTranspose2d(input("x", [1, 1, 2, 1]), input("w", [1, 1, 1, 3]), undefined, options)
      return [...(evaluate({ y }, feeds).y!.data as Float64Array)]
    }
    expect(build({})).toEqual([1, 12, 120, 200])
    expect(build({ stride: [1, 2] })).toEqual([1, 10, 102, 20, 200])
    expect(build({ stride: [1, 2], padding: [0, 1], outputPadding: [0, 1] })).toEqual([10, 102, 20, 200])
  })

  test("counts one multiply-accumulate for each tap of each input, for a batch of one", () => {
    const y = convTranspose2d(input("x", ["N", 5, 6, 8]), input("w", [8, 3, 2, 2]), undefined, { stride: 2, groups: 2 })
    expect(y.shape).toEqual(["N", 10, 12, 6])
    expect(y.node.op.macs!(y.node.inputs, y.node.outputs, y.node.attributes)).toBe(5 * 6 * 8 * 3 * 2 * 2)
  })

  test("refuses what does not fit and says the shapes", () => {
    const [x, w] = [input("x", ["N", 4, 4, 6]), input("w", [6, 3, 2, 2])]
    expect(() => convTranspose2d(x, input("w", [5, 3, 2, 2]))).toThrow(
      "convTranspose2d: x [N, 4, 4, 6] with 1 groups does not fit weight [5, 3, 2, 2]: expected 5 channels",
    )
    expect(() => convTranspose2d(x, w, undefined, { groups: 4 })).toThrow("a number that 4 divides")
    expect(() => convTranspose2d(x, w, input("b", [6]))).toThrow("convTranspose2d: bias must have shape [3], got [6]")
    expect(() => convTranspose2d(x, w, undefined, { stride: 2, outputPadding: 2 })).toThrow(
      "convTranspose2d: output padding must be less than the stride 2, got 2",
    )
    expect(() => convTranspose2d(x, w, undefined, { padding: 3 })).toThrow("a padding of 6 leaves nothing of 5 rows")
    expect(() => convTranspose2d(input("x", ["N", "H", 4, 6]), w)).toThrow("convTranspose2d: height, width and kernel")
  })
})

test("conv2d is a cross-correlation with the filter as PyTorch lays it out", () => {
  // x[h][w] = 3 h + w + 1 under the filter [[1, 10], [100, 1000]].
  const feeds = { x: ndarray([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]), w: ndarray([1, 10, 100, 1000], [1, 1, 2, 2]) }
  const { y } = evaluate({ y: conv2d(input("x", [1, 3, 3, 1]), input("w", [1, 1, 2, 2])) }, feeds)
  expect(y!.shape).toEqual([1, 2, 2, 1])
  expect(y!.data).toEqual(Float64Array.of(5421, 6532, 8754, 9865))
})

test("conv2d sums over the channels of a group only", () => {
  // Two groups of two channels: y0 = 1 x0 + 2 x1, y1 = 3 x2 + 4 x3.
  const feeds = { x: ndarray([1, 10, 100, 1000], [1, 1, 1, 4]), w: ndarray([1, 2, 3, 4], [2, 2, 1, 1]) }
  const { y } = evaluate(
    { y: conv2d(input("x", [1, 1, 1, 4]), input("w", [2, 2, 1, 1]), undefined, { groups: 2 }) },
    feeds,
  )
  expect(y!.data).toEqual(Float64Array.of(21, 4300))
})

test("conv2d's options mean all sides, vertical and horizontal, or each side", () => {
  const [x, w] = [input("x", ["N", 10, 10, 1]), input("w", [1, 1, 3, 3])]
  const sizes = (options: Conv2dOptions) => conv2d(x, w, undefined, options).shape
  expect(sizes({})).toEqual(["N", 8, 8, 1])
  expect(sizes({ padding: 1 })).toEqual(["N", 10, 10, 1])
  expect(sizes({ padding: [1, 0] })).toEqual(["N", 10, 8, 1])
  expect(sizes({ padding: [1, 0, 0, 2] })).toEqual(["N", 9, 10, 1])
  expect(sizes({ stride: 2, padding: 1 })).toEqual(["N", 5, 5, 1])
  expect(sizes({ stride: [1, 3] })).toEqual(["N", 8, 3, 1])
  expect(sizes({ dilation: [2, 4] })).toEqual(["N", 6, 2, 1])
})

test("conv2d counts one multiply-accumulate for each tap of each output, for a batch of one", () => {
  const count = (channels: number, weight: number[], groups: number) => {
    const y = conv2d(input("x", ["N", 8, 8, channels]), input("w", weight), undefined, { stride: 2, groups })
    return y.node.op.macs!(y.node.inputs, y.node.outputs, y.node.attributes)
  }
  expect(count(6, [12, 6, 2, 2], 1)).toBe(4 * 4 * 12 * 6 * 4)
  expect(count(6, [6, 1, 2, 2], 6)).toBe(4 * 4 * 6 * 4)
})

test("conv2d refuses shapes that do not fit and says both", () => {
  const x = input("x", ["N", 8, 8, 6])
  expect(() => conv2d(x, input("w", [4, 5, 3, 3]))).toThrow(
    "conv2d: x [N, 8, 8, 6] with 1 groups does not fit weight [4, 5, 3, 3]: expected 5 channels",
  )
  expect(() => conv2d(x, input("w", [4, 2, 3, 3]), undefined, { groups: 3 })).toThrow("an output count that 3 divides")
  expect(() => conv2d(x, input("w", [4, 6, 9, 3]))).toThrow(
    "conv2d: a kernel of 9 (dilation 1) does not fit into 8 + 0",
  )
  expect(() => conv2d(input("x", ["N", 8, 6]), input("w", [4, 6, 3, 3]))).toThrow(
    "conv2d: x must have rank 4, got [N, 8, 6]",
  )
  expect(() => conv2d(x, input("w", [4, 6]))).toThrow("conv2d: weight must have rank 4, got [4, 6]")
  expect(() => conv2d(x, input("w", [4, 6, 3, 3]), input("b", [6]))).toThrow(
    "conv2d: bias must have shape [4], got [6]",
  )
  expect(() => conv2d(input("x", ["N", "H", 8, 6]), input("w", [4, 6, 3, 3]))).toThrow(
    "conv2d: height, width and kernel",
  )
})
