/** How the costs of models grow with the side of the images: four panels with logarithmic axes. */

import { growthExponent, type ResolutionRow } from "../../roadmap/resolution.ts"
import { html, Markup } from "../html.ts"
import { darkColours, fontFamily, lightColours } from "../palette.ts"
import { logPanel, logPanelSize } from "../svg/log-panel.ts"
import { shorten, wrapText } from "../svg/scale.ts"

interface Measure {
  title: string
  /** Whether powers of the pixels are drawn beside the lines. */
  guided: boolean
  value: (row: ResolutionRow) => number
  format: (value: number) => string
}

const count = (value: number, digits = 4) => Number(value.toPrecision(digits)).toLocaleString("en-US")
const mebibytes = { format: (value: number) => `${count(value)} MiB` }

const measures: readonly Measure[] = [
  {
    title: "Multiply-accumulates of an image",
    guided: true,
    value: ({ macs }) => macs / 1e9,
    format: (value) => `${count(value)} G`,
  },
  {
    title: "Time of inference",
    guided: true,
    value: ({ milliseconds }) => milliseconds / 1000,
    format: (value) => `${count(value)} s`,
  },
  {
    title: "Activations that training keeps of an image",
    guided: true,
    value: ({ activationBytes }) => activationBytes / 2 ** 20,
    ...mebibytes,
  },
  {
    title: "Memory of inference, with runtime and weights",
    guided: false,
    value: ({ peakBytes }) => peakBytes / 2 ** 20,
    ...mebibytes,
  },
]

/** The number of pixels is the square of the side, so that their square is its fourth power. */
const guides = [
  { power: 2, label: "as the pixels" },
  { power: 4, label: "as their square" },
]

const gap = 24
const width = 2 * logPanelSize.width + 3 * gap
const panelsTop = 76
const panelsEnd = panelsTop + 2 * logPanelSize.height + 2 * gap
const noteHeight = 18
/** Characters that a line of notes has room for. */
const noteLength = 145

/**
 * Draws the measurements as an SVG that needs nothing but itself, light or dark as the reader has it: multiply-accumulates,
 * time, activations of a training step and memory of inference over the side of the images. At the end of each line
 * stands by how much it has grown, and between which sizes where it lacks the smallest or the largest.
 */
export function resolutionChart(rows: readonly ResolutionRow[]): Markup {
  const models = [...new Set(rows.map(({ model }) => model))]
  const sizes = [...new Set(rows.map(({ size }) => size))].sort((a, b) => a - b)
  const panels = measures.map(({ title, guided, value, format }, i) => {
    const series = models.map((model) => {
      const points = rows
        .filter((row) => row.model === model)
        .sort((a, b) => a.size - b.size)
        .map((row) => ({ x: row.size, y: value(row) }))
      return { label: `${shortName(model, models)}${growth(points, sizes)}`, points }
    })
    const panel = logPanel({
      title,
      xTicks: sizes,
      xLabel: "side of the image in pixels",
      series,
      guides: guided ? guides : [],
      format,
    })
    const [x, y] = [
      gap + (i % 2) * (logPanelSize.width + gap),
      panelsTop + Math.floor(i / 2) * (logPanelSize.height + gap),
    ]
    return html`<g transform="translate(${x} ${y})">${panel}</g>
`
  })
  const notes = explain(rows, models, sizes).flatMap((note) => wrapText(note, noteLength))
  const height = panelsEnd + 18 + notes.length * noteHeight
  return html`<svg xmlns="http://www.w3.org/2000/svg" class="resolution" viewBox="0 0 ${width} ${height}" role="img" aria-label="${notes.join(" ")}">
<style>${new Markup(styleFor(models.length))}</style>
<rect class="paper" width="${width}" height="${height}"/>
<text class="heading" x="${gap}" y="34">Cost over resolution</text>
<text class="tick" x="${gap}" y="54">Both axes are logarithmic: a slope is a power. Behind each name: how much more the largest image costs than the smallest, of all or of those that it names.</text>
${panels}${notes.map(
  (note, i) => html`<text class="note" x="${gap}" y="${panelsEnd + i * noteHeight}">${note}</text>
`,
)}</svg>`
}

/** "vit_small" for "vit_small_patch16_224", where no other model is called that. */
function shortName(model: string, models: readonly string[]): string {
  const short = (name: string) => name.replace(/_patch\d+.*$/, "")
  const isUnique = models.filter((other) => short(other) === short(model)).length === 1
  return shorten(isUnique ? short(model) : model, 24)
}

/** " × 16" between the smallest and the largest size; between others, which ones: " × 4 to 448 px". */
function growth(points: readonly { x: number; y: number }[], sizes: readonly number[]): string {
  if (points.length < 2) return ""
  const [first, last] = [points[0]!, points.at(-1)!]
  const range = rangeWords(first.x, last.x, sizes)
  return ` × ${count(last.y / first.y, 3)}${range && ` ${range}`}`
}

/** Where a line begins and ends if that is not where the chart does. */
function rangeWords(first: number, last: number, sizes: readonly number[]): string {
  const words = [...(first === sizes[0] ? [] : [`from ${first}`]), ...(last === sizes.at(-1) ? [] : [`to ${last}`])]
  return words.length === 0 ? "" : `${words.join(" ")} px`
}

/** What the slopes say, in words: of multiply-accumulates, which no machine has a part in. */
function explain(rows: readonly ResolutionRow[], models: readonly string[], sizes: readonly number[]): string[] {
  const [smallest, largest] = [sizes[0]!, sizes.at(-1)!]
  if (smallest === largest) return [`One size only, ${smallest} pixels: there is no growth to see.`]
  const powers = models.flatMap((model) => {
    const own = rows.filter((row) => row.model === model).sort((a, b) => a.size - b.size)
    const [first, last] = [own[0]!, own.at(-1)!]
    if (first === last) return []
    const exponent = growthExponent({ size: first.size, cost: first.macs }, { size: last.size, cost: last.macs })
    const range = rangeWords(first.size, last.size, sizes)
    return [`${shortName(model, models)}\u00a0${exponent.toFixed(2)}${range && ` (${range})`}`]
  })
  const times = count((largest / smallest) ** 2, 3)
  return [
    `From ${smallest.toLocaleString("en-US")} to ${largest.toLocaleString("en-US")} pixels of side, images have ${times} times as many pixels. Multiply-accumulates grow with this power of their number: ${powers.join(", ")}.`,
    "A convolution, and attention in windows, does the same work at each place: power 1. Attention of all places to all tends to 2.",
  ]
}

/** Colours of the lines, on light and on dark pages. */
const lineColours = [
  ["#8a6d00", "#d9b64a"],
  ["#c2540a", "#f29a56"],
  ["#1f7f57", "#6fcf9f"],
  ["#2457c5", "#86abff"],
  ["#a1308f", "#e58fd6"],
  ["#00798f", "#5cc8dc"],
  ["#b3263a", "#ff8c96"],
  ["#6b4fc4", "#b9a5ff"],
] as const

/** The colour of line i; beyond the list, hues as far apart as multiples of the golden angle are. */
function lineColour(i: number, scheme: "light" | "dark"): string {
  const [light, dark] = lineColours[i] ?? [38, 74].map((lightness) => `hsl(${(i * 137.5) % 360} 60% ${lightness}%)`)
  return scheme === "light" ? light! : dark!
}

function styleFor(lines: number): string {
  const numbers = Array.from({ length: lines }, (_, i) => i)
  const colours = (scheme: "light" | "dark") => numbers.map((i) => `--${i + 1}: ${lineColour(i, scheme)};`).join(" ")
  return `
.resolution { ${lightColours} ${colours("light")} font-family: ${fontFamily}; }
@media screen and (prefers-color-scheme: dark) {
  .resolution { ${darkColours} ${colours("dark")} }
}
.resolution .paper { fill: var(--card); }
.resolution text { font-size: 11px; fill: var(--soft); }
.resolution .heading { font-size: 20px; font-weight: 650; fill: var(--ink); }
.resolution .title { font-size: 13.5px; font-weight: 620; fill: var(--ink); }
.resolution .note { font-size: 12px; fill: var(--ink); }
.resolution .grid { stroke: var(--rule); }
.resolution .axis { stroke: var(--soft); }
.resolution .guide { stroke: var(--soft); stroke-dasharray: 2 4; }
.resolution .line { fill: none; stroke: var(--color); stroke-width: 2; stroke-linejoin: round; }
.resolution .dot { fill: var(--color); }
.resolution .end { font-size: 12px; fill: var(--color); }
${numbers.map((i) => `.resolution .series-${i + 1} { --color: var(--${i + 1}); }`).join("\n")}
`
}
