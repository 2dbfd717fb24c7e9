import { expect, test } from "vitest"
import { blockDiagram } from "./block-diagram.ts"
import { curveBundle } from "./curve-bundle.ts"
import { intervalChart } from "./interval-chart.ts"
import { scatterChart } from "./scatter-chart.ts"

const text = (value: number) => String(value)

test("points lie to the right for larger x and higher for larger y, and the line leaves out those aside", () => {
  const point = (mark: string, x: number, y: number, aside = false) => ({ mark, name: mark, x, y, aside })
  const points = [point("1", 10, 80), point("2", 20, 90), point("3", 30, 70, true)]
  const svg = scatterChart({ label: "a", xLabel: "x", points, formatX: text, formatY: text }).text
  const places = [...svg.matchAll(/cx="([^"]*)" cy="([^"]*)"/g)].map(([, x, y]) => [Number(x), Number(y)] as const)
  expect(places[0]![0]).toBeLessThan(places[1]![0])
  expect(places[1]![1]).toBeLessThan(places[0]![1])
  expect(/class="way" d="M([^"]*)"/.exec(svg)![1]!.split("L")).toEqual(places.slice(0, 2).map(([x, y]) => `${x} ${y}`))
  expect(svg).not.toContain('class="spread"')
})

test("an interval looks as its verdict says, also where it ends within a pixel of zero", () => {
  const row = (label: string, estimate: number, verdict: "up" | "unclear") => {
    return { label, note: "", estimate, halfWidth: 1, verdict, reference: 0 }
  }
  const legend = { estimate: "here", reference: "there" }
  const rows = [row("a", 2, "up"), row("b", 0.5, "unclear"), row("c", 1.000001, "up"), row("d", 0.999999, "unclear")]
  const svg = intervalChart({ label: "a", rows, format: text, legend }).text
  for (const kind of ["interval", "estimate"]) {
    const looks = [...svg.matchAll(new RegExp(`class="(${kind}[^"]*)" (?:d|cx)="(?!201)`, "g"))].map(([, look]) => look)
    expect(looks).toEqual([kind, `${kind} unclear`, kind, `${kind} unclear`])
  }
})

test("curves have a line each, and of one value a dot", () => {
  const curve = (name: string, place: number, values: number[]) => ({ name, place, values })
  const curves = [curve("first", 0, [1, 2, 3]), curve("middle", 0.5, [2, 2, 2]), curve("last", 1, [3, 1, 2])]
  const svg = curveBundle({ label: "a", xLabel: "epoch", curves, format: text }).text
  expect([...svg.matchAll(/class="(curve[^"]*)" d/g)].map(([, look]) => look)).toEqual([
    "curve end",
    "curve",
    "curve end",
  ])
  expect(svg).toContain("--place: 50%")
  const dots = curveBundle({ label: "a", xLabel: "epoch", curves: [curve("only", 0, [1])], format: text }).text
  expect(dots).toMatch(/<circle class="curve end" cx="[\d.]+" cy="[\d.]+"/)
})

test("a block has a box for each operator, and frames those that changed", () => {
  const svg = blockDiagram({
    label: "a block",
    rows: [
      { kind: "convolution", text: "3×3, <8>", changed: true },
      { kind: "add", text: "+ input", changed: false },
    ],
  }).text
  expect([...svg.matchAll(/class="box ([^"]*)"/g)].map(([, look]) => look)).toEqual(["convolution changed", "add"])
  expect(svg).toContain("3×3, &lt;8&gt;")
})
