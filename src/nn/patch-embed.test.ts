import { expect, test } from "vitest"
import { evaluate } from "../tensor/evaluate.ts"
import { ndarray } from "../tensor/ndarray.ts"
import { Random } from "../tensor/random.ts"
import { input } from "../tensor/tensor.ts"
import { bindModule } from "./module.ts"
import { PatchEmbed } from "./patch-embed.ts"

const parameters = (embed: PatchEmbed) =>
  Object.fromEntries([...bindModule(embed).parameters].map(([name, { size }]) => [name, size]))

test("it has timm's parameters", () => {
  expect(parameters(new PatchEmbed(3, 8, { patchSize: 4, normEpsilon: 1e-5 }))).toEqual({
    "proj.weight": [8, 3, 4, 4],
    "proj.bias": [8],
    "norm.weight": [8],
    "norm.bias": [8],
  })
  expect(parameters(new PatchEmbed(1, 8, { patchSize: 2, bias: false }))).toEqual({ "proj.weight": [8, 1, 2, 2] })
})

test("tokens are a map, or one row; pixels beyond the last whole patch are not seen", () => {
  const images = input("x", ["N", 13, 8, 3])
  expect(new PatchEmbed(3, 8, { patchSize: 4 }).forward(images).shape).toEqual(["N", 3, 2, 8])
  expect(new PatchEmbed(3, 8, { patchSize: 4, flatten: true }).forward(images).shape).toEqual(["N", 6, 8])
})

test("the tokens of a row come line by line", () => {
  const embed = new PatchEmbed(1, 1, { patchSize: 1, bias: false, flatten: true })
  bindModule(embed)
  const y = embed.forward(input("x", [1, 2, 3, 1]))
  const x = ndarray(Float32Array.of(1, 2, 3, 4, 5, 6), [1, 2, 3, 1])
  const values = evaluate({ y }, { x, "proj.weight": ndarray(Float32Array.of(1), [1, 1, 1, 1]) }).y!.data
  expect([...(values as Float64Array)]).toEqual([1, 2, 3, 4, 5, 6])
})

test("weight and bias start uniform within 1 / sqrt(values of a patch)", () => {
  const bound = bindModule(new PatchEmbed(3, 64, { patchSize: 4 })).parameters
  for (const [name, { size, initialize }] of bound) {
    const values = initialize(size, new Random(0, name))
    expect(Math.max(...values.map(Math.abs)), name).toBeLessThanOrEqual(1 / Math.sqrt(48))
    expect(Math.max(...values), name).toBeGreaterThan(0.9 / Math.sqrt(48))
    expect(Math.min(...values), name).toBeLessThan(-0.9 / Math.sqrt(48))
  }
})
