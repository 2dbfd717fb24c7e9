/** Lines over a common x axis of whole numbers, such as losses over epochs. */
import { type Content, html, type Markup } from "../html.ts"
import { coordinate, linearScale, niceTicks, textWidth } from "./scale.ts"

export interface LineChart {
  /** What the chart shows, for those who cannot see it. */
  label: string
  xLabel: string
  /** Rising whole numbers. */
  x: number[]
  /** One value per x; what is not finite leaves a gap. */
  series: { name: string; values: number[] }[]
  /** Writes a tick and the values of the hover text. */
  format: (value: number) => string
  /** The y axis begins at zero, whatever the values. */
  fromZero?: boolean
  /** No tick lies above this, such as 1 for shares. */
  largest?: number
  /** A value of x that is marked, such as the best epoch. */
  mark?: { x: number; label: string }
}

const width = 460
const height = 250
const rightMargin = 16
const bottom = height - 40

/** Where things lie: the edges of the plot, the ticks and the scales. */
interface Frame {
  top: number
  left: number
  right: number
  xTicks: number[]
  yTicks: number[]
  toX: (value: number) => number
  toY: (value: number) => number
}

/** Draws the chart as an SVG of 460 x 250 units that scales with the page. */
export function lineChart(chart: LineChart): Markup {
  const frame = layOut(chart)
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${chart.label}">
${drawAxes(chart, frame)}
${drawMark(chart, frame)}
${chart.series.map(({ values }, i) => drawLine(chart.x, values, i, frame))}
${chart.series.length > 1 ? drawLegend(chart) : undefined}
${chart.x.map((x, i) => drawHover(chart, x, i, frame))}
</svg>`
}

function layOut({ x, series, format, fromZero, largest = Number.POSITIVE_INFINITY }: LineChart): Frame {
  const top = series.length > 1 ? 38 : 22 // the title of the chart says what a single line is
  const finite = series.flatMap(({ values }) => values.filter(Number.isFinite))
  const known = finite.length > 0 ? finite : [0]
  const low = fromZero ? 0 : minimum(known)
  const { values } = niceTicks(low, Math.max(maximum(known), low), 5)
  const yTicks = values.filter((tick) => tick <= largest)
  const left = Math.max(36, Math.max(...yTicks.map((tick) => textWidth(format(tick)))) + 14)
  const right = width - rightMargin
  const [firstX, lastX] = [x[0] ?? 0, x.at(-1) ?? 0]
  const single = firstX === lastX
  const xTicks = single ? [firstX] : niceTicks(firstX, lastX, 8, 1).values.filter((t) => t >= firstX && t <= lastX)
  return {
    top,
    left,
    right,
    xTicks,
    yTicks,
    toX: single ? () => (left + right) / 2 : linearScale([firstX, lastX], [left, right]),
    toY: linearScale([yTicks[0]!, yTicks.at(-1)!], [bottom, top]),
  }
}

// Not Math.min(...values): a long run has more values than a call may have arguments.
const minimum = (values: number[]) => values.reduce((a, b) => Math.min(a, b))
const maximum = (values: number[]) => values.reduce((a, b) => Math.max(a, b))

function drawAxes({ xLabel, format, x }: LineChart, { left, right, xTicks, yTicks, toX, toY }: Frame): Content {
  const horizontal = yTicks.map((tick) => {
    const y = coordinate(toY(tick))
    return html`<line class="grid" x1="${left}" x2="${right}" y1="${y}" y2="${y}"/><text class="tick" x="${left - 8}" y="${y + 4}" text-anchor="end">${format(tick)}</text>`
  })
  const vertical = (x.length > 0 ? xTicks : []).map((tick) => {
    const at = coordinate(toX(tick))
    return html`<line class="axis" x1="${at}" x2="${at}" y1="${bottom}" y2="${bottom + 4}"/><text class="tick" x="${at}" y="${bottom + 17}" text-anchor="middle">${tick}</text>`
  })
  const middle = coordinate((left + right) / 2)
  return html`${horizontal}<line class="axis" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>${vertical}
<text class="tick" x="${middle}" y="${height - 6}" text-anchor="middle">${xLabel}</text>`
}

function drawMark({ mark }: LineChart, { top, toX }: Frame): Content {
  if (mark === undefined) return undefined
  const x = coordinate(toX(mark.x))
  const half = textWidth(mark.label) / 2
  const middle = coordinate(Math.min(Math.max(x, half), width - half))
  return html`<line class="mark" x1="${x}" x2="${x}" y1="${top}" y2="${bottom}"/>
<text class="tick" x="${middle}" y="${top - 6}" text-anchor="middle">${mark.label}</text>`
}

/** The runs of finite values as one path each; a value between two gaps as a dot. */
function drawLine(x: number[], values: number[], index: number, { toX, toY }: Frame): Content {
  const runs: string[][] = [[]]
  for (const [i, value] of values.entries()) {
    if (Number.isFinite(value)) runs.at(-1)!.push(`${coordinate(toX(x[i]!))} ${coordinate(toY(value))}`)
    else runs.push([])
  }
  return runs.map((points) => {
    if (points.length === 0) return undefined
    if (points.length > 1) return html`<path class="line series-${index + 1}" d="M${points.join("L")}"/>`
    const [cx, cy] = points[0]!.split(" ")
    return html`<circle class="dot series-${index + 1}" cx="${cx}" cy="${cy}" r="3.5"/>`
  })
}

function drawLegend({ series }: LineChart): Content {
  let x = 2
  return series.map(({ name }, i) => {
    const at = x
    x += textWidth(name) + 40
    return html`<line class="line series-${i + 1}" x1="${at}" x2="${at + 16}" y1="12" y2="12"/><text class="legend" x="${at + 22}" y="16">${name}</text>`
  })
}

/** A column that answers the pointer with the values at x. */
function drawHover({ x: all, series, xLabel, format }: LineChart, x: number, i: number, frame: Frame): Content {
  const at = frame.toX(x)
  const from = i === 0 ? frame.left : (frame.toX(all[i - 1]!) + at) / 2
  const to = i === all.length - 1 ? frame.right : (frame.toX(all[i + 1]!) + at) / 2
  const lines = series.map(({ name, values }) => `${name}: ${Number.isFinite(values[i]) ? format(values[i]!) : "–"}`)
  const guide = coordinate(at)
  return html`<g class="hover"><title>${[`${xLabel} ${x}`, ...lines].join("\n")}</title><rect x="${coordinate(from)}" y="${frame.top}" width="${coordinate(to - from)}" height="${bottom - frame.top}"/><line x1="${guide}" x2="${guide}" y1="${frame.top}" y2="${bottom}"/></g>
`
}
