/** Numbered points over two axes, joined in their order. */
import { type Content, html, type Markup } from "../html.ts"
import { coordinate, linearScale, niceTicks, textWidth } from "./scale.ts"

export interface ScatterChart {
  /** What the chart shows, for those who cannot see it. */
  label: string
  xLabel: string
  points: ScatterPoint[]
  formatX: (value: number) => string
  formatY: (value: number) => string
}

export interface ScatterPoint {
  /** Stands in the point: a number or a letter or two. */
  mark: string
  /** The whole name, for the hover text. */
  name: string
  x: number
  y: number
  /** Half of the bar that shows how sure y is. */
  spread?: number
  /** The line through the points leaves this one out. */
  aside?: boolean
}

const width = 460
const height = 270
const top = 14
const bottom = height - 42
const radius = 8

/** Draws the chart as an SVG of 460 x 270 units that scales with the page. Neither axis begins at zero. */
export function scatterChart({ label, xLabel, points, formatX, formatY }: ScatterChart): Markup {
  const xTicks = ticksOf(points.map(({ x }) => x))
  const yTicks = ticksOf(points.flatMap(({ y, spread = 0 }) => [y - spread, y + spread]))
  const left = Math.max(...yTicks.map((tick) => textWidth(formatY(tick)))) + 14
  const toX = linearScale([xTicks[0]!, xTicks.at(-1)!], [left + 16, width - 26])
  const toY = linearScale([yTicks[0]!, yTicks.at(-1)!], [bottom - radius, top])
  const path = points.filter(({ aside }) => !aside).map(({ x, y }) => `${coordinate(toX(x))} ${coordinate(toY(y))}`)
  const rows = yTicks.map((tick) => {
    const y = coordinate(toY(tick))
    return html`<line class="grid" x1="${left}" x2="${width - 8}" y1="${y}" y2="${y}"/><text class="tick" x="${left - 6}" y="${y + 4}" text-anchor="end">${formatY(tick)}</text>`
  })
  const columns = xTicks.map(
    (tick) =>
      html`<text class="tick" x="${coordinate(toX(tick))}" y="${bottom + 17}" text-anchor="middle">${formatX(tick)}</text>`,
  )
  const drawPoint = ({ mark, name, x, y, spread, aside }: ScatterPoint): Content => {
    const [cx, cy] = [coordinate(toX(x)), coordinate(toY(y))]
    const bar =
      spread && html`<path class="spread" d="M${cx} ${coordinate(toY(y - spread))}V${coordinate(toY(y + spread))}"/>`
    return html`<g><title>${name}: ${formatY(y)}, ${formatX(x)}</title>${bar || undefined}<circle class="${aside ? "point aside" : "point"}" cx="${cx}" cy="${cy}" r="${radius}"/><text class="mark-text" x="${cx}" y="${cy + 3.5}" text-anchor="middle">${mark}</text></g>
`
  }
  return html`<svg class="chart scatter" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">
${rows}<line class="axis" x1="${left}" x2="${width - 8}" y1="${bottom}" y2="${bottom}"/>${columns}
<text class="tick" x="${(left + width) / 2}" y="${height - 6}" text-anchor="middle">${xLabel}</text>
${path.length > 1 ? html`<path class="way" d="M${path.join("L")}"/>` : undefined}
${points.map(drawPoint)}</svg>`
}

function ticksOf(values: readonly number[]): number[] {
  return values.length === 0 ? [0, 1] : niceTicks(Math.min(...values), Math.max(...values), 4).values
}
