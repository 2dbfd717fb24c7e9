/** Many lines over a common x axis, coloured from the first to the last, with the names of both ends. */
import { html, type Markup } from "../html.ts"
import { coordinate, linearScale, niceTicks, textWidth } from "./scale.ts"

export interface CurveBundle {
  /** What the chart shows, for those who cannot see it. */
  label: string
  xLabel: string
  /** One value for each of x = 1, 2, ... The colour goes by `place`, from 0 to 1. */
  curves: { name: string; place: number; values: number[] }[]
  /** Writes a tick and the values of the hover text. */
  format: (value: number) => string
}

const width = 460
const height = 270
const top = 14
const bottom = height - 40

/** Draws the chart as an SVG of 460 x 270 units that scales with the page. */
export function curveBundle({ label, xLabel, curves, format }: CurveBundle): Markup {
  const values = curves.flatMap((curve) => curve.values).filter(Number.isFinite)
  const longest = Math.max(1, ...curves.map((curve) => curve.values.length))
  const { values: yTicks } = niceTicks(Math.min(...values, Infinity), Math.max(...values, -Infinity), 5)
  const left = Math.max(...yTicks.map((tick) => textWidth(format(tick)))) + 14
  const right = width - 14
  const toX = longest === 1 ? () => (left + right) / 2 : linearScale([1, longest], [left, right])
  const toY = linearScale([yTicks[0]!, yTicks.at(-1)!], [bottom, top])
  const rows = yTicks.map((tick) => {
    const y = coordinate(toY(tick))
    return html`<line class="grid" x1="${left}" x2="${right}" y1="${y}" y2="${y}"/><text class="tick" x="${left - 8}" y="${y + 4}" text-anchor="end">${format(tick)}</text>`
  })
  const xTicks = longest === 1 ? [1] : niceTicks(1, longest, 8, 1).values.filter((tick) => tick >= 1 && tick <= longest)
  const columns = xTicks.map(
    (tick) =>
      html`<text class="tick" x="${coordinate(toX(tick))}" y="${bottom + 17}" text-anchor="middle">${tick}</text>`,
  )
  const lines = curves.map((curve) => {
    const points = curve.values.map((value, i) => `${coordinate(toX(i + 1))} ${coordinate(toY(value))}`)
    const end = curve.place === 0 || curve.place === 1
    const title = `${curve.name}: ${format(curve.values.at(-1)!)} in the end`
    const style = `--place: ${coordinate(curve.place * 100)}%`
    return html`<g style="${style}"><title>${title}</title>${points.length > 1 ? html`<path class="${end ? "curve end" : "curve"}" d="M${points.join("L")}"/>` : html`<circle class="curve end" cx="${points[0]!.split(" ")[0]!}" cy="${points[0]!.split(" ")[1]!}" r="2.5"/>`}</g>
`
  })
  return html`<svg class="chart bundle" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">
${rows}<line class="axis" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>${columns}
<text class="tick" x="${(left + right) / 2}" y="${height - 6}" text-anchor="middle">${xLabel}</text>
${lines}</svg>`
}
