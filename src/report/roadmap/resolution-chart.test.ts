import { expect, test } from "vitest"
import type { ResolutionRow } from "../../roadmap/resolution.ts"
import { resolutionChart } from "./resolution-chart.ts"

/** A model whose costs grow with a power of the pixels. */
function rowsOf(model: string, power: number, sizes: number[]): ResolutionRow[] {
  return sizes.map((size) => {
    const times = (size / 224) ** (2 * power)
    return {
      model,
      size,
      macs: 4.5e9 * times,
      activationBytes: 1e8 * times,
      milliseconds: 100 * times,
      peakBytes: 4e8 * times,
    }
  })
}

const sizes = [224, 448, 896]
const texts = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!)

test("every panel has a line for each model, with its growth at the end", () => {
  const svg = resolutionChart([...rowsOf("convnext_tiny", 1, sizes), ...rowsOf("vit_small_patch16_224", 1.5, sizes)])
  expect(texts(svg.text).filter((text) => text === "convnext_tiny × 16")).toHaveLength(4)
  expect(texts(svg.text).filter((text) => text === "vit_small × 64")).toHaveLength(4)
  expect(svg.text.match(/<path class="line"/g)).toHaveLength(8)
  expect(svg.text.match(/<circle/g)).toHaveLength(4 * 6)
  expect(texts(svg.text).join(" ")).toContain(
    "From 224 to 896 pixels of side, images have 16 times as many pixels. Multiply-accumulates grow with this power of their number: convnext_tiny\u00a01.00, vit_small\u00a01.50.",
  )
})

test("a cost in proportion to the pixels runs beside the guide of that name, one with their square beside the other", () => {
  for (const [guide, power] of [1, 2].entries()) {
    const { text } = resolutionChart(rowsOf("convnext_tiny", power, sizes))
    const line = [...text.matchAll(/class="guide" x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)"/g)][guide]!
    const [x1, y1, x2, y2] = line.slice(1).map(Number) as [number, number, number, number]
    const points = [.../class="line" d="M([^"]*)"/.exec(text)![1]!.split("L")].map((point) =>
      point.split(" ").map(Number),
    )
    const [[left, low], [right, high]] = [points[0] as [number, number], points.at(-1) as [number, number]]
    expect(x1).toBe(left)
    expect((y2 - y1) / (x2 - x1)).toBeCloseTo((high - low) / (right - left), 3)
  }
})

test("it is a file of its own: namespace, style, nothing from elsewhere", () => {
  const { text } = resolutionChart(rowsOf("a<b>", 1, sizes))
  expect(text).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/)
  expect(text).toContain("prefers-color-scheme: dark")
  expect(text).not.toMatch(/NaN|Infinity|undefined|<b>|url\(|href/)
})

test("models whose short names are the same keep the long ones, and a lost size leaves a shorter line", () => {
  const rows = [
    ...rowsOf("vit_small_patch16_224", 1, sizes),
    ...rowsOf("vit_small_patch32_224", 1, sizes.slice(0, 1)),
    ...rowsOf("resnet50", 1, sizes.slice(0, 2)),
  ]
  const labels = texts(resolutionChart(rows).text)
  expect(labels).toEqual(
    expect.arrayContaining(["vit_small_patch16_224 × 16", "vit_small_patch32_224", "resnet50 × 4 to 448 px"]),
  )
})

test("growth between other sizes than those of the chart says so, also in the note", () => {
  const rows = [
    ...rowsOf("resnet50", 1, sizes),
    ...rowsOf("swin_tiny", 1, sizes.slice(1)),
    ...rowsOf("vit_small", 2, [...sizes, 1792].slice(1, 3)),
    ...rowsOf("convnext_tiny", 1, [...sizes, 1792]),
  ]
  const labels = texts(resolutionChart(rows).text)
  const expected = [
    "resnet50 × 16 to 896 px",
    "swin_tiny × 4 from 448 to 896 px",
    "vit_small × 16 from 448 to 896 px",
    "convnext_tiny × 64",
  ]
  expect(labels).toEqual(expect.arrayContaining(expected))
  expect(labels.join(" ")).toContain(
    "resnet50\u00a01.00 (to 896 px), swin_tiny\u00a01.00 (from 448 to 896 px), vit_small\u00a02.00 (from 448 to 896 px), convnext_tiny\u00a01.00.",
  )
})

test.each([5, 12])("each of %i models has a colour of its own, on light and on dark pages", (count) => {
  const rows = Array.from({ length: count }, (_, i) => rowsOf(`model_${i}`, 1, sizes)).flat()
  const { text } = resolutionChart(rows)
  const schemes = [...text.matchAll(/\.resolution \{ [^}]*\}/g)].map(([rule]) =>
    [...rule.matchAll(/--\d+: ([^;]+);/g)].map(([, colour]) => colour),
  )
  expect(schemes).toHaveLength(2)
  for (const colours of schemes) expect(new Set(colours).size).toBe(count)
  const classes = new Set([...text.matchAll(/<g class="(series-\d+)"/g)].map(([, name]) => name!))
  for (const name of classes) expect(text).toContain(`.resolution .${name} { --color: var(--${name.slice(7)}); }`)
  expect(classes.size).toBe(count)
})

test("one size only is a column of dots, and says so", () => {
  const { text } = resolutionChart(rowsOf("convnext_tiny", 1, [224]))
  expect(text).toContain("One size only, 224 pixels")
  expect(text).not.toMatch(/NaN|Infinity|class="line"|class="guide"/)
})
