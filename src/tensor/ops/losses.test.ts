import { describe, expect, test } from "vitest"
import { numbers, randomArray } from "../../../test/support/arrays.ts"
import { checkOp, runGraph } from "../../../test/support/check-op.ts"
import { gradients } from "../../autodiff/gradients.ts"
import { evaluate } from "../evaluate.ts"
import { type NdArray, ndarray } from "../ndarray.ts"
import { constant, input, type Tensor } from "../tensor.ts"
import {
  bceWithLogits,
  crossEntropy,
  diceLoss,
  l1Loss,
  mseLoss,
  sigmoid,
  sigmoidFocalLoss,
  smoothL1Loss,
} from "./index.ts"

const logits = ndarray([0.5, -1.25, 2, 3, 0.25, -0.75, -2, 1.5, 0, 1, 1, -4], [4, 3])
const classes = ndarray([2, 1, 0, 1], [4], "int32")
const shares = ndarray([0.2, 0.5, 0.3, 1, 0, 0, 0, 0.25, 0.75, 0.1, 0.1, 0.8], [4, 3])
const binary = ndarray([0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1], [4, 3])
const classWeights = ndarray([0.5, 2, 1.5])
const weights = () => constant(classWeights)

type Loss = (x: Tensor, targets: Tensor) => Tensor

/** Made by PyTorch 2.15 in float64 from the arrays above; the focal loss by torchvision's formula. */
const golden: [string, NdArray, Loss, number[]][] = [
  ["crossEntropy of classes", classes, crossEntropy, [1.872191498]],
  [
    "crossEntropy of classes, one by one",
    classes,
    (x, t) => crossEntropy(x, t, { reduction: "none" }),
    [0.232621983, 2.833831466, 3.725802049, 0.696510492],
  ],
  [
    "crossEntropy of smoothed classes, summed",
    classes,
    (x, t) => crossEntropy(x, t, { labelSmoothing: 0.1, reduction: "sum" }),
    [7.572099324],
  ],
  [
    "crossEntropy of weighted classes",
    classes,
    (x, t) => crossEntropy(x, t, { classWeights: weights() }),
    [1.545419653],
  ],
  [
    "crossEntropy of weighted, smoothed classes without class 1",
    classes,
    (x, t) => crossEntropy(x, t, { classWeights: weights(), labelSmoothing: 0.1, ignoreIndex: 1 }),
    [1.213386902],
  ],
  [
    "crossEntropy of weighted, smoothed classes without class 1, one by one",
    classes,
    (x, t) => crossEntropy(x, t, { classWeights: weights(), labelSmoothing: 0.2, ignoreIndex: 1, reduction: "none" }),
    [0.824512242, 0, 1.817201366, 0],
  ],
  ["crossEntropy of classes without class 1", classes, (x, t) => crossEntropy(x, t, { ignoreIndex: 1 }), [1.979212016]],
  ["crossEntropy of shares", shares, crossEntropy, [2.072191517]],
  [
    "crossEntropy of weighted, smoothed shares",
    shares,
    (x, t) => crossEntropy(x, t, { classWeights: weights(), labelSmoothing: 0.1 }),
    [3.185291437],
  ],
  [
    "crossEntropy of weighted shares, summed",
    shares,
    (x, t) => crossEntropy(x, t, { classWeights: weights(), reduction: "sum" }),
    [12.866848461],
  ],
  ["bceWithLogits", shares, bceWithLogits, [1.027541137]],
  [
    "bceWithLogits with a weight for positives",
    shares,
    (x, t) => bceWithLogits(x, t, { posWeight: weights() }),
    [1.246833551],
  ],
  [
    "bceWithLogits with a weight for positives, one by one",
    shares,
    (x, t) => bceWithLogits(x, t, { posWeight: weights(), reduction: "none" }),
    [
      0.826669284, 1.627893622, 1.54596719, 0.024293676, 0.82593942, 0.386871006, 0.126928011, 1.376766597, 0.953077373,
      1.197598601, 1.244587855, 4.825409971,
    ],
  ],
  ["l1Loss", shares, l1Loss, [1.445833333]],
  ["mseLoss", shares, mseLoss, [3.454375006]],
  ["mseLoss, summed", shares, (x, t) => mseLoss(x, t, { reduction: "sum" }), [41.452500067]],
  ["smoothL1Loss", shares, smoothL1Loss, [0.995729166]],
  ["smoothL1Loss with beta", shares, (x, t) => smoothL1Loss(x, t, { beta: 0.5, reduction: "sum" }), [14.452499995]],
  ["sigmoidFocalLoss", binary, sigmoidFocalLoss, [0.407692116]],
  [
    "sigmoidFocalLoss with alpha and gamma, summed",
    binary,
    (x, t) => sigmoidFocalLoss(x, t, { alpha: 0.6, gamma: 1.5, reduction: "sum" }),
    [5.334946909],
  ],
]

describe.each(golden)("%s", (_, targets, loss, expected) => {
  test("has PyTorch's value", async () => {
    const graph = { loss: loss(input("x", [4, 3]), input("t", targets.shape, targets.dtype)) }
    const { loss: value } = await runGraph(graph, { x: logits, t: targets })
    expect(value!.data.length).toBe(expected.length)
    expected.forEach((element, i) => {
      expect(Number(value!.data[i])).toBeCloseTo(element, 5)
    })
  })

  test("agrees with the reference and with finite differences", async () => {
    const inputs = [randomArray([4, 3], "x"), targets]
    await checkOp({ inputs, build: (x, t) => loss(x!, t!), batched: [0, 1], differentiated: [0] })
  })
})

describe("crossEntropy", () => {
  test("has the gradient (softmax - targets) / N", async () => {
    const x = input("x", [2, 3])
    const feeds = { x: ndarray([0, 0, 0, 5, 5, 5], [2, 3]) }
    const [ofShares] = gradients(crossEntropy(x, constant(ndarray([1, 0, 0, 0.25, 0.25, 0.5], [2, 3]))), [x])
    const [ofClasses] = gradients(crossEntropy(x, constant(ndarray([0, 2], [2], "int32"))), [x])
    const values = await runGraph({ ofShares: ofShares!, ofClasses: ofClasses! }, feeds)
    const close = (actual: NdArray, targets: number[]) =>
      targets.forEach((target, i) => {
        expect(Number(actual.data[i])).toBeCloseTo((1 / 3 - target) / 2, 6)
      })
    close(values.ofShares!, [1, 0, 0, 0.25, 0.25, 0.5])
    close(values.ofClasses!, [1, 0, 0, 0, 0, 1])
  })

  test("has gradients for shares and for the weights of classes", async () => {
    await checkOp({
      inputs: [randomArray([2, 3], "x"), ndarray([1, 0, 0, 0.25, 0.25, 0.5], [2, 3]), classWeights],
      build: (x, t, w) => crossEntropy(x!, t!, { classWeights: w!, labelSmoothing: 0.1 }),
      batched: [0, 1],
    })
    await checkOp({
      inputs: [randomArray([4, 3], "x"), classes, classWeights],
      build: (x, t, w) => crossEntropy(x!, t!, { classWeights: w!, ignoreIndex: 0 }),
      batched: [0, 1],
    })
  })

  test("takes maps of classes, and a class to ignore that is none", async () => {
    const targets = ndarray([0, 2, 255, 1, 255, 0, 1, 1], [2, 2, 2], "int32")
    const inputs = [randomArray([2, 2, 2, 3], "x"), targets]
    const build = (x: Tensor, t: Tensor) => crossEntropy(x, t, { ignoreIndex: 255, labelSmoothing: 0.1 })
    await checkOp({ inputs, build: (x, t) => build(x!, t!), batched: [0, 1] })
    const long = ndarray(BigInt64Array.from(numbers(targets), BigInt), [2, 2, 2], "int64")
    await checkOp({ inputs: [inputs[0]!, long], build: (x, t) => build(x!, t!), batched: [0, 1] })
  })

  test("is zero, with gradient zero, where all targets are ignored", async () => {
    const x = input("x", [2, 3])
    const loss = crossEntropy(x, constant(ndarray([255, 255], [2], "int32")), { ignoreIndex: 255 })
    const [dx] = gradients(loss, [x])
    const values = await runGraph({ loss, dx: dx! }, { x: randomArray([2, 3], "x") })
    expect(numbers(values.loss!)).toEqual([0])
    expect(numbers(values.dx!).map(Math.abs)).toEqual([0, 0, 0, 0, 0, 0])
  })

  test("stays finite at logits of 1e4", async () => {
    const x = ndarray([1e4, 0, -1e4, -1e4, 1e4, 0], [2, 3])
    const graph = {
      shares: crossEntropy(input("x", [2, 3]), constant(ndarray([1, 0, 0, 0.25, 0.25, 0.5], [2, 3]))),
    }
    const ofClasses = { loss: crossEntropy(input("x", [2, 3]), constant(ndarray([1, 1], [2], "int32"))) }
    const values = await runGraph(graph, { x })
    expect(Number(values.shares!.data[0])).toBeCloseTo((0 + (0.25 * 2e4 + 0 + 0.5 * 1e4)) / 2, 0)
    expect(Number((await runGraph(ofClasses, { x })).loss!.data[0])).toBeCloseTo(1e4 / 2, 0)
  })

  test("does not see classes that are masked with minus infinity", async () => {
    const x = input("x", [1, 3])
    const loss = crossEntropy(x, constant(ndarray([0], [1], "int32")))
    const [dx] = gradients(loss, [x])
    const feeds = { x: ndarray([1, 1, Number.NEGATIVE_INFINITY], [1, 3]) }
    const values = await runGraph({ loss, dx: dx! }, feeds)
    expect(Number(values.loss!.data[0])).toBeCloseTo(Math.LN2, 6)
    ;[-0.5, 0.5, 0].forEach((value, i) => {
      expect(Number(values.dx!.data[i])).toBeCloseTo(value, 6)
    })
  })

  test("fails for a target that is no class", async () => {
    const graph = { loss: crossEntropy(input("x", [4, 3]), input("t", [4], "int32")) }
    for (const wrong of [3, -1]) {
      const t = ndarray([0, 1, 2, wrong], [4], "int32")
      expect(() => evaluate(graph, { x: logits, t })).toThrow(
        `crossEntropy: target ${wrong} at position 3 is no class: they are 0 to 2`,
      )
      await expect(runGraph(graph, { x: logits, t })).rejects.toThrow("Out of range value in index tensor")
    }
  })

  test("refuses what does not fit", () => {
    const x = input("x", ["N", 3])
    const t = input("t", ["N"], "int32")
    expect(() => crossEntropy(x, input("t", ["N", 4]))).toThrow(
      "crossEntropy: targets must have shape [N, 3], got [N, 4]",
    )
    expect(() => crossEntropy(x, input("t", ["N", 3], "int32"))).toThrow(
      "crossEntropy: targets must have shape [N], got [N, 3]",
    )
    expect(() => crossEntropy(x, t, { labelSmoothing: 1.5 })).toThrow(
      "crossEntropy: labelSmoothing must be from 0 to 1, got 1.5",
    )
    expect(() => crossEntropy(x, t, { classWeights: input("w", [4]) })).toThrow(
      "crossEntropy: classWeights must have shape [3], got [4]",
    )
    expect(() => crossEntropy(x, input("t", ["N", 3]), { ignoreIndex: 0 })).toThrow(
      "crossEntropy: ignoreIndex needs targets that are classes",
    )
  })
})

describe("losses of logits", () => {
  const ends = ndarray([1e4, 1e4, -1e4, -1e4], [4])
  const targets = ndarray([1, 0, 1, 0], [4])

  test.each([
    ["bceWithLogits", bceWithLogits, [0, 1e4, 1e4, 0]],
    ["sigmoidFocalLoss", sigmoidFocalLoss, [0, 0.75e4, 0.25e4, 0]],
  ] as const)("%s neither overflows nor loses its gradient at logits of 1e4", async (_, loss, expected) => {
    const x = input("x", [4])
    const [dx] = gradients(loss(x, constant(targets), { reduction: "sum" }), [x])
    const values = await runGraph({ y: loss(x, constant(targets), { reduction: "none" }), dx: dx! }, { x: ends })
    expect(numbers(values.y!)).toEqual(expected)
    expect(numbers(values.dx!).map(Math.abs)).toEqual(expected.map((value) => value / 1e4))
  })
})

test("smoothL1Loss is smooth where the square becomes a line", async () => {
  const x = input("x", [3])
  const [dx] = gradients(smoothL1Loss(x, constant(ndarray([0, 0, 0])), { reduction: "sum" }), [x])
  const values = await runGraph({ dx: dx! }, { x: ndarray([0, 1, -0.999999]) })
  ;[0, 1, -1].forEach((value, i) => {
    expect(Number(values.dx!.data[i])).toBeCloseTo(value, 5)
  })
})

describe("diceLoss", () => {
  const masks = ndarray([1, 0, 1, 0, 0, 0, 0, 0], [1, 2, 2, 2])

  test("agrees with the reference and with finite differences", async () => {
    const inputs = [randomArray([2, 3, 2, 3], "x"), randomArray([2, 3, 2, 3], "t")]
    for (const reduction of ["mean", "none"] as const) {
      const build = (x: Tensor, t: Tensor) => diceLoss(sigmoid(x), sigmoid(t), { reduction })
      await checkOp({ inputs, build: (x, t) => build(x!, t!), batched: [0, 1] })
    }
  })

  test("is 0 for the mask itself, empty or not", () => {
    const p = input("p", [1, 2, 2, 2])
    const { y } = evaluate({ y: diceLoss(p, p, { reduction: "none" }) }, { p: masks })
    expect(numbers(y!)).toEqual([0, 0])
  })

  test("has the values of its formula", () => {
    const [p, t] = [input("p", [1, 2, 2, 2]), constant(masks)]
    const half = ndarray(new Float32Array(8).fill(0.5), [1, 2, 2, 2])
    const { y } = evaluate({ y: diceLoss(p, t, { reduction: "none" }) }, { p: half })
    expect(y!.shape).toEqual([1, 2])
    // Two of four pixels are class 0, none is class 1.
    expect(numbers(y!)).toEqual([1 - 3 / 5, 1 - 1 / 3])
  })

  test("refuses what has no positions", () => {
    const p = input("p", ["N", 3])
    expect(() => diceLoss(p, p)).toThrow("diceLoss: expected [N, ..., K], got float32[N, 3]")
  })
})

test("losses refuse targets of another shape or type, and factors out of range", () => {
  const x = input("x", ["N", 3])
  for (const loss of [bceWithLogits, l1Loss, mseLoss, smoothL1Loss, sigmoidFocalLoss, diceLoss]) {
    const { name } = loss
    expect(() => loss(x, input("t", ["N"]))).toThrow(`${name}: targets must have shape [N, 3], got [N]`)
    expect(() => loss(x, input("t", ["N", 3], "int32"))).toThrow(`${name}: targets must be float32, got int32[N, 3]`)
  }
  expect(() => smoothL1Loss(x, x, { beta: 0 })).toThrow("smoothL1Loss: beta must be positive, got 0")
  expect(() => sigmoidFocalLoss(x, x, { alpha: 2 })).toThrow("sigmoidFocalLoss: alpha must be from 0 to 1, got 2")
  expect(() => sigmoidFocalLoss(x, x, { gamma: -1 })).toThrow("sigmoidFocalLoss: gamma must not be negative, got -1")
  expect(() => bceWithLogits(x, x, { posWeight: input("w", [4]) })).toThrow(
    "bceWithLogits: posWeight must have shape [3], got [4]",
  )
})
