import { readFileSync } from "node:fs"
import fc from "fast-check"
import { expect, test } from "vitest"
import { assembleKernels } from "../../../scripts/build-kernels.mjs"
import { Random } from "../../tensor/random.ts"
import { type AdamWCoefficients, updateAdamW } from "./adamw.ts"
import { ParameterSpace } from "./space.ts"

/** Chunks are 16,384 elements long: these end inside of one, at its end, and just after it. */
const sizes = [1, 3, 4, 7, 1000, 16_383, 16_384, 16_385, 40_001]

type State = Record<"parameter" | "gradient" | "first" | "second" | "average", Float32Array>

function makeState(size: number, seed: number): State {
  const random = new Random(seed, "adamw")
  const draw = (scale: number) => Float32Array.from({ length: size }, () => scale * random.normal(0, 1))
  return {
    parameter: draw(1),
    gradient: draw(0.1),
    first: draw(0.01),
    second: draw(0.01).map((value) => value * value),
    average: draw(1),
  }
}

/** Where the arrays of an update lie. */
const places = [
  "all anywhere",
  "all in the kernels' memory",
  "the parameter anywhere, the others in the kernels' memory",
]

/** Brings arrays to such a place. */
function moved(state: State, place: string): State {
  if (place === places[0]) return state
  const space = new ParameterSpace([state.parameter.length], 5)
  const inside = (array: Float32Array) => {
    const copy = space.allocate(0)
    copy.set(array)
    return copy
  }
  const { parameter, gradient, first, second, average } = state
  return {
    parameter: place === places[1] ? inside(parameter) : parameter,
    gradient: inside(gradient),
    first: inside(first),
    second: inside(second),
    average: inside(average),
  }
}

/** The update by the book, in float64. */
function expected({ parameter, gradient, first, second, average }: State, c: AdamWCoefficients) {
  return Array.from(parameter, (p, i) => {
    const g = gradient[i]! * c.clipScale
    const m = c.beta1 * first[i]! + (1 - c.beta1) * g
    const v = c.beta2 * second[i]! + (1 - c.beta2) * g * g
    const updated = p - c.decay * p - (c.stepSize * m) / (Math.sqrt(v) * c.rootScale + c.eps)
    return [updated, m, v, c.emaDecay * average[i]! + (1 - c.emaDecay) * updated]
  })
}

test("any size, coefficients and values give what the equations give, with and without an average", () => {
  const coefficients = fc.record({
    clipScale: fc.double({ min: 1e-3, max: 1, noNaN: true }),
    beta1: fc.double({ min: 0.5, max: 0.99, noNaN: true }),
    beta2: fc.double({ min: 0.5, max: 0.9999, noNaN: true }),
    decay: fc.double({ min: 0, max: 0.01, noNaN: true }),
    stepSize: fc.double({ min: 1e-6, max: 1, noNaN: true }),
    rootScale: fc.double({ min: 1, max: 30, noNaN: true }),
    eps: fc.constantFrom(1e-8, 1e-3),
    emaDecay: fc.constantFrom(0, 0.5, 0.9999),
  })
  fc.assert(
    fc.property(
      fc.constantFrom(...sizes),
      fc.nat(1000),
      coefficients,
      fc.boolean(),
      fc.constantFrom(...places),
      (size, seed, given, averaged, place) => {
        const { parameter, gradient, first, second, average } = moved(makeState(size, seed), place)
        const before = makeState(size, seed)
        updateAdamW(parameter, gradient, [first, second], averaged ? average : undefined, given)
        expect(gradient).toEqual(before.gradient)
        if (!averaged) expect(average).toEqual(before.average)
        let worst = 0
        for (const [i, row] of expected(before, given).entries()) {
          const found = [parameter[i]!, first[i]!, second[i]!, averaged ? average[i]! : row[3]!]
          // The largest of what is added up: what is left after it was taken away is as exact as they are.
          const moments = Math.abs(before.first[i]!) + Math.abs(before.gradient[i]!)
          const stride = (given.stepSize * moments) / (Math.sqrt(row[2]!) * given.rootScale + given.eps)
          const scale = [
            Math.abs(before.parameter[i]!) + Math.abs(row[0]!) + stride,
            0.2,
            0.04,
            2 + Math.abs(row[3]!) + stride,
          ]
          for (const [k, value] of row.entries()) worst = Math.max(worst, Math.abs(found[k]! - value) / scale[k]!)
        }
        expect(worst).toBeLessThan(5e-6)
      },
    ),
    { numRuns: 60 },
  )
})

const plain = { clipScale: 1, beta1: 0.9, beta2: 0.999, decay: 0, stepSize: 0.1, rootScale: 1, eps: 1e-8, emaDecay: 0 }

test("what one call leaves behind does not reach the next", () => {
  const broken = makeState(16_384, 1)
  for (const array of Object.values(broken)) array.fill(Number.NaN)
  updateAdamW(broken.parameter, broken.gradient, [broken.first, broken.second], broken.average, plain)
  expect(broken.parameter).toSatisfy((array: Float32Array) => array.every(Number.isNaN))
  const { parameter, gradient, first, second } = makeState(5, 2)
  updateAdamW(parameter, gradient, [first, second], undefined, plain)
  expect(parameter).toSatisfy((array: Float32Array) => array.every(Number.isFinite))
})

test("an average that has not begun is a copy, and one of what does not move stays where it is", () => {
  const { parameter, gradient, first, second, average } = makeState(1003, 3)
  updateAdamW(parameter, gradient, [first, second], average, plain)
  expect(average).toEqual(parameter)
  const still = parameter.slice()
  for (let step = 0; step < 1000; step++) {
    updateAdamW(parameter, new Float32Array(1003), [new Float32Array(1003), second], average, {
      ...plain,
      emaDecay: 0.9999,
    })
  }
  expect(parameter).toEqual(still)
  expect(average).toEqual(still)
})

test("the bytes are those of the source", async () => {
  for (const [file, text] of Object.entries(await assembleKernels())) {
    expect(readFileSync(new URL(file, import.meta.url), "utf8")).toBe(text)
  }
})
