/** Horizontal bars with a label before and a value behind each. */
import { html, type Markup } from "../html.ts"
import { coordinate, linearScale, shorten, textWidth } from "./scale.ts"

export interface BarChart {
  /** What the chart shows, for those who cannot see it. */
  label: string
  /** Values that are not finite or below zero have no bar. */
  bars: { label: string; value: number }[]
  /** Writes the value behind a bar. */
  format: (value: number) => string
}

const width = 460
const rowHeight = 26
const barHeight = 14
const longestLabel = 24

/** Draws the chart as an SVG 460 units wide that scales with the page; the longest bar fills it. */
export function barChart({ label, bars, format }: BarChart): Markup {
  const names = bars.map((bar) => shorten(bar.label, longestLabel))
  const left = Math.max(0, ...names.map(textWidth)) + 10
  const right = width - Math.max(0, ...bars.map(({ value }) => textWidth(format(value)))) - 10
  const largest = Math.max(0, ...bars.map(({ value }) => value).filter(Number.isFinite))
  const toWidth = linearScale([0, largest], [0, right - left])
  const rows = bars.map(({ label: name, value }, i) => {
    const length = value > 0 && Number.isFinite(value) ? coordinate(toWidth(value)) : 0
    const y = i * rowHeight + (rowHeight - barHeight) / 2
    return html`<g><title>${name}: ${format(value)}</title><text class="legend" x="${left - 10}" y="${y + 11}" text-anchor="end">${names[i]}</text><rect class="bar" x="${left}" y="${y}" width="${length}" height="${barHeight}" rx="2"/><text class="tick" x="${left + length + 7}" y="${y + 11}">${format(value)}</text></g>
`
  })
  return html`<svg class="chart" viewBox="0 0 ${width} ${Math.max(1, bars.length) * rowHeight}" role="img" aria-label="${label}">
${rows}</svg>`
}
