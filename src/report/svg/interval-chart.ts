/** Estimates with their intervals around zero, one in each row. */
import { type Content, html, type Markup } from "../html.ts"
import { coordinate, linearScale, niceTicks } from "./scale.ts"

export interface IntervalChart {
  /** What the chart shows, for those who cannot see it. */
  label: string
  rows: IntervalRow[]
  /** Writes a tick. */
  format: (value: number) => string
  /** What the two kinds of mark are. */
  legend: { estimate: string; reference: string }
}

export interface IntervalRow {
  label: string
  /** Behind the row: the estimate in words. */
  note: string
  estimate: number
  halfWidth: number
  /** On which side of zero the interval lies; unclear if it covers zero. */
  verdict: "up" | "down" | "unclear"
  /** What others found. */
  reference: number
}

const width = 720
const rowHeight = 27
const top = 50
const left = 196
const right = 520

/** Draws the chart as an SVG 720 units wide that scales with the page. */
export function intervalChart({ label, rows, format, legend }: IntervalChart): Markup {
  const reach = rows.flatMap(({ estimate, halfWidth, reference }) => [
    estimate - halfWidth,
    estimate + halfWidth,
    reference,
  ])
  const { values: ticks } = niceTicks(Math.min(0, ...reach), Math.max(0, ...reach), 6)
  const toX = linearScale([ticks[0]!, ticks.at(-1)!], [left, right])
  const height = top + rows.length * rowHeight + 10
  const grid = ticks.map((tick) => {
    const x = coordinate(toX(tick))
    return html`<line class="${tick === 0 ? "axis" : "grid"}" x1="${x}" x2="${x}" y1="${top - 10}" y2="${height - 6}"/><text class="tick" x="${x}" y="${top - 16}" text-anchor="middle">${format(tick)}</text>`
  })
  const drawRow = ({ label: name, note, estimate, halfWidth, verdict, reference }: IntervalRow, i: number): Content => {
    const y = top + i * rowHeight + rowHeight / 2
    const [from, to, at] = [estimate - halfWidth, estimate + halfWidth, estimate].map((value) => coordinate(toX(value)))
    const look = verdict === "unclear" ? " unclear" : ""
    const ring = coordinate(toX(reference))
    return html`<g><title>${name}: ${note}</title><text class="legend" x="${left - 12}" y="${y + 4}" text-anchor="end">${name}</text><path class="interval${look}" d="M${from} ${y}H${to}M${from} ${y - 4}v8M${to} ${y - 4}v8"/><circle class="estimate${look}" cx="${at}" cy="${y}" r="4.5"/><path class="reference" d="M${ring} ${y - 5}l5 5l-5 5l-5-5z"/><text class="tick" x="${right + 18}" y="${y + 4}">${note}</text></g>
`
  }
  return html`<svg class="chart intervals" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">
<circle class="estimate" cx="${left + 5}" cy="10" r="4.5"/><text class="legend" x="${left + 16}" y="14">${legend.estimate}</text><path class="reference" d="M${left + 250} 5l5 5l-5 5l-5-5z"/><text class="legend" x="${left + 262}" y="14">${legend.reference}</text>
${grid}
${rows.map(drawRow)}</svg>`
}
