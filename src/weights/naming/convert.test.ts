import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { hashWeights } from "../../../test/support/hash-weights.ts"
import { Network, type StateDict } from "../../models/network.ts"
import { describeModel } from "../../models/registry.ts"
import { ndarray, zeros } from "../../tensor/ndarray.ts"
import { convertStateDict } from "./convert.ts"
import { recognise } from "./recognise.ts"
import { type SchemeName, schemeNames } from "./schemes.ts"

/** Weights of a small model, each with values of its own. */
function weightsOf(family: string, config: Record<string, unknown>): StateDict {
  return hashWeights(new Network(describeModel(family, config)).empty())
}

const depths = (length: number) => fc.array(fc.integer({ min: 1, max: 3 }), { minLength: length, maxLength: length })
const classes = fc.integer({ min: 0, max: 4 })
const vitSize = {
  patchSize: fc.constant(8),
  imgSize: fc.constant(16),
  embedDim: fc.constant(4),
  numHeads: fc.constant(2),
}

/** Small models of each architecture, and who has names for them. */
const kinds: [kind: string, family: string, config: fc.Arbitrary<Record<string, unknown>>, schemes: SchemeName[]][] = [
  [
    "ConvNeXt",
    "convnext",
    fc.record({ depths: depths(3), dims: fc.constant([2, 4, 6]), numClasses: classes }),
    ["timm", "facebook", "torchvision", "huggingface"],
  ],
  [
    "ConvNeXt V2",
    "convnext",
    fc.record({
      depths: depths(2),
      dims: fc.constant([2, 3]),
      useGrn: fc.constant(true),
      lsInitValue: fc.constantFrom(null, 1),
      numClasses: classes,
    }),
    ["timm", "facebook", "huggingface"],
  ],
  [
    "isotropic ConvNeXt",
    "convnext_iso",
    fc.record({
      depth: fc.integer({ min: 1, max: 12 }),
      dim: fc.constant(2),
      lsInitValue: fc.constantFrom(null, 1),
      numClasses: classes,
    }),
    ["timm", "facebook"],
  ],
  [
    "ResNet",
    "resnet",
    fc.record({
      layers: depths(4),
      channels: fc.constant([2, 2, 4, 4]),
      block: fc.constantFrom("basic", "bottleneck"),
      numClasses: classes,
    }),
    ["timm", "torchvision", "huggingface"],
  ],
  [
    "Swin",
    "swin",
    fc.record({
      depths: depths(2),
      numHeads: fc.constant([1, 2]),
      embedDim: fc.constant(4),
      imgSize: fc.constant(16),
      windowSize: fc.constant(2),
      qkvBias: fc.boolean(),
      numClasses: classes,
    }),
    ["timm", "torchvision", "huggingface", "microsoft"],
  ],
  [
    "ViT",
    "vit",
    fc.record({ ...vitSize, depth: fc.integer({ min: 1, max: 12 }), qkvBias: fc.boolean(), numClasses: classes }),
    ["timm", "torchvision", "huggingface", "deit"],
  ],
  [
    "distilled DeiT",
    "deit",
    fc.record({
      ...vitSize,
      depth: depths(1).map(([depth]) => depth),
      distilled: fc.constant(true),
      numClasses: classes,
    }),
    ["timm", "huggingface", "deit"],
  ],
  [
    "DeiT III",
    "deit",
    fc.record({
      ...vitSize,
      depth: depths(1).map(([depth]) => depth),
      initValues: fc.constant(1),
      numClasses: classes,
    }),
    ["timm", "deit"],
  ],
]

describe.each(kinds)("%s", (_, family, config, schemes) => {
  test.each(schemes)("to the names of %s and back: the same names, shapes and bits", (to) => {
    fc.assert(
      fc.property(config, (drawn) => {
        const weights = weightsOf(family, drawn)
        const converted = convertStateDict(weights, { to })
        expect(convertStateDict(converted, { from: to, to: "timm" })).toEqual(weights)
        // Without saying whose names they are.
        const found = recognise(converted)
        expect(found.families).toContain(family)
        expect(found.numClasses ?? 0).toBe(drawn.numClasses)
        expect(convertStateDict(converted, { to: "timm" })).toEqual(weights)
      }),
      { numRuns: 10 },
    )
  })

  const others = schemeNames.filter((scheme) => !schemes.includes(scheme))
  test.each(others)("%s has no names for it", (to) => {
    const [drawn] = fc.sample(config, { numRuns: 1, seed: 1 })
    expect(() => convertStateDict(weightsOf(family, drawn!), { to })).toThrow(/^[a-z-]+ has no names? for /)
  })
})

const convnext = weightsOf("convnext", { depths: [1, 1], dims: [2, 4], numClasses: 3 })
const vit = weightsOf("vit", { patchSize: 8, imgSize: 16, embedDim: 4, numHeads: 2, depth: 1, numClasses: 3 })

test("from one scheme to another goes by way of timm's", () => {
  const facebook = convertStateDict(convnext, { to: "facebook" })
  expect(convertStateDict(facebook, { to: "torchvision" })).toEqual(convertStateDict(convnext, { to: "torchvision" }))
  expect(convertStateDict(facebook, { to: "facebook" })).toEqual(facebook)
})

test("layouts: [C, 1, 1] layer scale of torchvision, [1, 1, 1, C] response norm, parted queries, keys and values", () => {
  const shapes = (weights: StateDict, to: SchemeName) =>
    Object.fromEntries(Object.entries(convertStateDict(weights, { to })).map(([name, { shape }]) => [name, shape]))
  expect(shapes(convnext, "torchvision")["features.3.0.layer_scale"]).toEqual([4, 1, 1])
  const v2 = weightsOf("convnext", { depths: [1], dims: [2], useGrn: true, lsInitValue: null })
  expect(shapes(v2, "facebook")["stages.0.0.grn.gamma"]).toEqual([1, 1, 1, 8])
  const qkv = vit["blocks.0.attn.qkv.weight"]!
  const parted = convertStateDict(vit, { to: "huggingface" })
  expect(parted["vit.encoder.layer.0.attention.attention.key.weight"]).toEqual(
    ndarray(qkv.data.slice(16, 32) as Float32Array, [4, 4]),
  )
})

test("linear weights of convMlp become matrices: no other codebase has them as convolutions", () => {
  const matrices = weightsOf("convnext", { depths: [1], dims: [2] })
  const convolutions = weightsOf("convnext", { depths: [1], dims: [2], convMlp: true })
  expect(convolutions["stages.0.blocks.0.mlp.fc1.weight"]!.shape).toEqual([8, 2, 1, 1])
  expect(convertStateDict(convolutions, { to: "facebook" })).toEqual(convertStateDict(matrices, { to: "facebook" }))
})

test("transformers' models without a head have no prefix, and what classification does not need is left out", () => {
  const withHead = convertStateDict(vit, { to: "huggingface" })
  const bare = Object.fromEntries(
    Object.entries(withHead)
      .filter(([name]) => name.startsWith("vit."))
      .map(([name, value]) => [name.slice(4), value]),
  )
  const pooler = { "pooler.dense.weight": zeros([4, 4]), "pooler.dense.bias": zeros([4]) }
  expect(recognise(bare)).toMatchObject({ scheme: "huggingface", architecture: "ViT", numClasses: undefined })
  const { "head.weight": _, "head.bias": __, ...body } = vit
  expect(convertStateDict({ ...bare, ...pooler }, { to: "timm" })).toEqual(body)
})

test("the half-precision types keep their bits", () => {
  const half = ndarray(
    Uint16Array.from({ length: 48 }, (_, i) => i),
    [12, 4],
    "bfloat16",
  )
  const weights = { ...vit, "blocks.0.attn.qkv.weight": half }
  const there = convertStateDict(weights, { to: "huggingface" })
  expect(there["vit.encoder.layer.0.attention.attention.query.weight"]!.dtype).toBe("bfloat16")
  expect(convertStateDict(there, { to: "timm" })).toEqual(weights)
})

describe("mistakes", () => {
  test("names that nobody has", () => {
    const tensors = { "encoder.kernel": zeros([1]), "encoder.bias": zeros([1]), "norm.weight": zeros([1]) }
    expect(() => convertStateDict(tensors, { to: "timm" })).toThrow(
      /^the weights are not in a known naming scheme \(timm, facebook, .*\): .* encoder.kernel, encoder.bias, norm.weight$/,
    )
    expect(() => convertStateDict({}, { to: "timm" })).toThrow("there are no tensors")
  })

  test("names of another scheme than is said", () => {
    expect(() => convertStateDict(convnext, { from: "torchvision", to: "timm" })).toThrow("(torchvision)")
  })

  test("a few names that the scheme does not have", () => {
    const tensors = { ...convertStateDict(convnext, { to: "facebook" }), "norm3.weight": zeros([4]) }
    expect(() => convertStateDict(tensors, { to: "timm" })).toThrow(/^1 of \d+ tensors .* facebook .*: norm3\.weight$/)
  })

  test("a scheme that is not there", () => {
    expect(() => convertStateDict(convnext, { to: "facebok" as SchemeName })).toThrow("did you mean facebook?")
  })

  test("parts of a tensor that are missing, doubled or different", () => {
    const tensors = convertStateDict(vit, { to: "huggingface" })
    const key = "vit.encoder.layer.0.attention.attention.key.weight"
    const { [key]: _, ...without } = tensors
    expect(() => convertStateDict(without, { to: "timm" })).toThrow("blocks.0.attn.qkv.weight has 3 parts, of which")
    expect(() => convertStateDict({ ...tensors, [key]: zeros([4, 3]) }, { to: "timm" })).toThrow("do not fit together")
    const distilled = { ...tensors, "cls_classifier.weight": zeros([3, 4]) }
    const deit = Object.fromEntries(Object.entries(distilled).map(([n, value]) => [n.replace(/^vit/, "deit"), value]))
    expect(() => convertStateDict(deit, { to: "timm" })).toThrow("two names of one tensor, head.weight")
  })
})
