import { expect, test } from "vitest"
import { barChart } from "./bar-chart.ts"
import { heatMap, mostNamedClasses } from "./heat-map.ts"
import { type LineChart, lineChart } from "./line-chart.ts"

const hostile = `</title><script>alert("1")</script>`
const count = (text: string, part: string | RegExp) => text.split(part).length - 1

const draw = (chart: Partial<LineChart>) =>
  lineChart({ label: "a chart", xLabel: "epoch", x: [], series: [], format: String, ...chart }).text

test("a line goes through its values, high values on top", () => {
  const svg = draw({ x: [1, 2, 3], series: [{ name: "loss", values: [0, 5, 10] }] })
  const [from, middle, to] = /class="line series-1" d="M([^"]+)"/.exec(svg)![1]!.split("L")
  const [x1, y1] = from!.split(" ").map(Number)
  const [x2, y2] = middle!.split(" ").map(Number)
  const [x3, y3] = to!.split(" ").map(Number)
  expect(x2! - x1!).toBeCloseTo(x3! - x2!, 1)
  expect(y1! - y2!).toBeCloseTo(y2! - y3!, 1)
  expect(y1).toBeGreaterThan(y3!)
  expect(svg).toContain("<title>epoch 2\nloss: 5</title>")
})

test("NaN and infinity leave a gap, and a value on its own is a dot", () => {
  const svg = draw({ x: [1, 2, 3, 4, 5], series: [{ name: "loss", values: [1, 2, Number.NaN, 3, Infinity] }] })
  expect(count(svg, 'class="line series-1" d=')).toBe(1)
  expect(count(svg, 'class="dot series-1"')).toBe(1)
  expect(svg).not.toMatch(/NaN|Infinity/)
  expect(svg).toContain("<title>epoch 3\nloss: –</title>")
})

test("no epochs, one epoch and no finite value are drawn without a fault", () => {
  expect(draw({ series: [{ name: "loss", values: [] }] })).not.toMatch(/NaN|Infinity|undefined/)
  const one = draw({ x: [1], series: [{ name: "loss", values: [0.5] }], mark: { x: 1, label: "best 1" } })
  expect(one).not.toMatch(/NaN|Infinity|undefined/)
  expect(count(one, "<circle")).toBe(1)
  expect(draw({ x: [1, 2], series: [{ name: "loss", values: [Number.NaN, Number.NaN] }] })).not.toMatch(/NaN|Infinity/)
})

test("two lines have a legend, one has none; the mark has its label", () => {
  const [a, b] = [
    { name: "training", values: [1, 2] },
    { name: "validation", values: [2, 1] },
  ]
  expect(count(draw({ x: [1, 2], series: [a!, b!] }), 'class="legend"')).toBe(2)
  const svg = draw({ x: [1, 2], series: [a!], mark: { x: 2, label: "best 2" } })
  expect(count(svg, 'class="legend"')).toBe(0)
  expect(svg).toMatch(/class="mark".*\n.*>best 2</)
})

test("ticks keep to the limits of the axis", () => {
  const series = [{ name: "top-1", values: [0.98, 0.98] }]
  const ticks = (svg: string) => [...svg.matchAll(/text-anchor="end">([^<]+)</g)].map(([, tick]) => Number(tick))
  expect(Math.max(...ticks(draw({ x: [1, 2], series })))).toBeGreaterThan(1)
  expect(Math.max(...ticks(draw({ x: [1, 2], series, largest: 1 })))).toBe(1)
  expect(Math.min(...ticks(draw({ x: [1, 2], series, fromZero: true })))).toBe(0)
})

test("bars are as long as their values are large", () => {
  const bars = [10, 5, 0, Number.NaN].map((value) => ({ label: `b${value}`, value }))
  const svg = barChart({ label: "bars", bars, format: (value) => (Number.isNaN(value) ? "–" : `${value}`) }).text
  const [ten, five, zero, none] = [...svg.matchAll(/class="bar"[^>]* width="([^"]+)"/g)].map(([, width]) =>
    Number(width),
  )
  expect(five).toBeCloseTo(ten! / 2, 1)
  expect([zero, none]).toEqual([0, 0])
  expect(barChart({ label: "none", bars: [], format: String }).text).not.toMatch(/NaN|Infinity/)
})

test("a heat map has a cell for each count, with the share of its row", () => {
  const svg = heatMap({
    label: "confusion",
    names: ["cat", "dog"],
    counts: [
      [3, 1],
      [0, 4],
    ],
  }).text
  expect(svg).toContain("<title>true cat, predicted dog: 1 of 4 (25.0 %)</title>")
  expect(count(svg, '<rect class="right"')).toBe(2)
  expect(count(svg, '<rect class="wrong"')).toBe(1)
  expect([...svg.matchAll(/class="count[^>]*>(\d+)</g)].map(([, text]) => text)).toEqual(["3", "1", "4"])
})

test("a heat map of many classes has no text, one of no samples no cell", () => {
  const size = mostNamedClasses + 1
  const names = Array.from({ length: size }, (_, i) => `class ${i}`)
  const diagonal = names.map((_, i) => names.map((_, j) => (i === j ? 2 : 0)))
  const svg = heatMap({ label: "confusion", names, counts: diagonal }).text
  expect(svg).not.toContain("<text")
  expect(count(svg, '<rect class="right"')).toBe(size)
  expect(heatMap({ label: "empty", names: ["a"], counts: [[0]] }).text).not.toMatch(/NaN|class="right"/)
})

test("names cannot leave their place", () => {
  const line = draw({ label: hostile, xLabel: hostile, x: [1], series: [{ name: hostile, values: [1] }] })
  const bar = barChart({ label: hostile, bars: [{ label: hostile, value: 1 }], format: () => hostile }).text
  const heat = heatMap({
    label: hostile,
    names: [hostile, hostile],
    counts: [
      [1, 1],
      [1, 1],
    ],
  }).text
  for (const svg of [line, bar, heat]) {
    expect(svg).not.toContain("<script")
    expect(svg).toContain("&lt;/title&gt;&lt;script&gt;")
  }
})
