import { expect, test } from "vitest"
import { goldenImage, goldenIndex } from "../../../test/golden/data/read.ts"
import { Random } from "../../tensor/random.ts"
import { crop } from "../image.ts"
import { type Filter, resize } from "../resample.ts"
import { drawResizedCrop, flipHorizontally, randomFlip, randomResizedCrop, randomShift } from "./index.ts"

interface Summary {
  mean: number
  std: number
  q: Record<string, number>
}

interface Index {
  random_resized_crop: {
    scale: [number, number]
    ratio: [number, number]
    by_image: { image_wh: [number, number]; area_ratio: Summary; log_aspect_w_over_h: Summary; fallback: number }[]
  }
  cases: (
    | { kind: "hflip"; input: string; output: string }
    | {
        kind: "resized_crop"
        input: string
        top_left_height_width: [number, number, number, number]
        size: number
        interpolation: Filter
        output: string
      }
  )[]
}

const { random_resized_crop: statistics, cases } = goldenIndex<Index>("augment")

test.each(cases)("$kind of $input is that of torchvision: $output", async (golden) => {
  const image = await goldenImage("augment", golden.input)
  const expected = await goldenImage("augment", golden.output)
  if (golden.kind === "hflip") {
    expect(flipHorizontally(image)).toEqual(expected)
    return
  }
  const [top, left, height, width] = golden.top_left_height_width
  const { size, interpolation: filter } = golden
  const part = crop(image, { left, top, width, height })
  expect(resize(part, { width: size, height: size, filter })).toEqual(expected)
})

test.each(statistics.by_image)("crops of a picture of $image_wh are distributed as timm's", (golden) => {
  const [width, height] = golden.image_wh
  const draws = 20_000
  const areas: number[] = []
  const aspects: number[] = []
  for (let sample = 0; sample < draws; sample++) {
    const region = drawResizedCrop({ width, height }, new Random(11, sample), statistics.scale, statistics.ratio)
    areas.push((region.width * region.height) / (width * height))
    aspects.push(Math.log(region.width / region.height))
  }
  expectSameDistribution(areas, golden.area_ratio)
  expectSameDistribution(aspects, golden.log_aspect_w_over_h)
})

/** Mean within 5 standard errors, quartiles and tails within the shares that 20,000 draws allow. */
function expectSameDistribution(values: number[], golden: Summary): void {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  expect(Math.abs(mean - golden.mean)).toBeLessThan(5 * (golden.std / Math.sqrt(values.length)) + 1e-9)
  const epsilon = 1e-9
  for (const [quantile, value] of Object.entries(golden.q)) {
    const below = values.filter((x) => x < value - epsilon).length / values.length
    const upTo = values.filter((x) => x <= value + epsilon).length / values.length
    expect(below).toBeLessThan(Number(quantile) + 0.02)
    expect(upTo).toBeGreaterThan(Number(quantile) - 0.02)
  }
}

test("a picture of one pixel can be cropped", () => {
  const dot = { width: 1, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3) }
  const options = { width: 2, height: 1, filter: "bicubic", scale: [0.08, 1], ratio: [0.75, 4 / 3] } as const
  expect([...randomResizedCrop(dot, new Random(1), options).data]).toEqual([1, 2, 3, 1, 2, 3])
})

test("augmentations leave their input as it is", async () => {
  const image = await goldenImage("augment", "in/b.png")
  const before = image.data.slice()
  randomFlip(image, new Random(1), 1)
  randomShift(image, new Random(1), 4)
  expect(image.data).toEqual(before)
})

test("a flip draws one number whatever its probability", () => {
  const dot = { width: 1, height: 1, channels: 1, data: Uint8Array.of(1) }
  const next = [0, 0.5, 1].map((probability) => {
    const random = new Random(1)
    randomFlip(dot, random, probability)
    return random.uint32()
  })
  expect(new Set(next).size).toBe(1)
})
