import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { type ParameterInfo, parameterGroups } from "./groups.ts"

interface Golden {
  layer_decay: number
  weight_decay: number
  groups: [name: string, shape: number[], lrScale: number, weightDecay: number][]
}

function golden(model: string): Golden {
  const url = new URL(`../../test/golden/parameter-groups-${model}.json`, import.meta.url)
  return JSON.parse(readFileSync(url, "utf8"))
}

/** One layer for the stem, one for each block (a downsampling layer belongs to the block after it), one for the head. */
function convnextLayer(name: string, depths: number[]): number {
  if (name.startsWith("stem")) return 0
  const [, stage, block = 0] = /^stages\.(\d)\.(?:blocks\.(\d)|downsample)/.exec(name) ?? [null, depths.length]
  return 1 + depths.slice(0, Number(stage)).reduce((sum, depth) => sum + depth, 0) + Number(block)
}

test("a ConvNeXt gets the scales and decays of timm's param_groups_layer_decay", () => {
  const { groups, layer_decay, weight_decay } = golden("convnext")
  const parameters: ParameterInfo[] = groups.map(([name, shape]) => ({
    name,
    shape,
    layerGroup: convnextLayer(name, [2, 2, 4, 2]),
  }))
  const made = parameterGroups(parameters, { weightDecay: weight_decay, layerDecay: layer_decay })
  expect(made).toHaveLength(110)
  for (const [i, [name, shape, lrScale, weightDecay]] of groups.entries()) {
    expect(made[i]).toEqual({ name, shape, size: made[i]!.size, lrScale: expect.closeTo(lrScale, 14), weightDecay })
  }
})

test("a Swin keeps its position tables from decaying by name", () => {
  const { groups, weight_decay } = golden("swin")
  const parameters = groups.map(([name, shape]) => ({ name, shape }))
  const noDecay = parameters.map(({ name }) => name).filter((name) => name.endsWith("relative_position_bias_table"))
  const made = parameterGroups(parameters, { weightDecay: weight_decay, noDecay })
  expect(made.map((group) => group.weightDecay)).toEqual(groups.map(([, , , weightDecay]) => weightDecay))
  expect(made.every(({ lrScale }) => lrScale === 1)).toBe(true)
  expect(parameterGroups(parameters, { weightDecay: 1 }).filter((group) => group.weightDecay > 0)).toHaveLength(
    made.filter((group) => group.weightDecay > 0).length + noDecay.length,
  )
})

test("a parameter without a layer learns like the head", () => {
  const [stem, head, extra] = parameterGroups(
    [
      { name: "stem", shape: [4, 4], layerGroup: 0 },
      { name: "head", shape: [4, 4], layerGroup: 2 },
      { name: "extra", shape: [4, 4] },
    ],
    { weightDecay: 0.1, layerDecay: 0.5 },
  )
  expect([stem!.lrScale, head!.lrScale, extra!.lrScale]).toEqual([0.25, 1, 1])
})
