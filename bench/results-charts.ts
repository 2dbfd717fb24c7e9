/** The charts of the page of results. */

import type { BarChart, LineChart, Row } from "./benchmark.ts"
import { internal } from "./paths.ts"

export const { escapeHtml } = (await import(internal("report/html.js"))) as typeof import("../src/report/html.ts")
const { coordinate, linearScale, niceTicks, textWidth } = (await import(
  internal("report/svg/scale.js")
)) as typeof import("../src/report/svg/scale.ts")

/** Emphasis in the rows is Markdown's. */
export const inline = (text: string) => escapeHtml(text).replace(/\*\*(.+?)\*\*/g, "<b>$1</b>")
/** A goal may be broken after a comma only. */
export const unbroken = (goal: string) => goal.replace(/(?<!,) /g, "\u00a0")
const plain = (text: string) => escapeHtml(text.replaceAll("*", ""))

/** Draws the chart of a row, with a caption, as a figure; nothing if it has none. */
export function renderChart({ what, result, goal, chart }: Row): string {
  if (chart === undefined) return ""
  if ("bars" in chart) {
    const verdict = `${chart.ratio.toFixed(2)}x the best peer${goal === undefined ? "" : `, goal ${unbroken(goal)}`}`
    return figure(`${inline(what)}: ${escapeHtml(verdict)}`, drawBars(what, chart))
  }
  return figure(`${inline(what)}<br>${inline(result)}`, drawLine(what, chart))
}

const figure = (caption: string, drawing: string) =>
  `<figure><figcaption>${caption}</figcaption>\n${drawing}</figure>\n`

/** Width of all charts. Their texts can be read on a page 390 px wide. */
const width = 360
/** Room of a bar with its name above it. */
const rowHeight = 38

/** Bars of the medians over an axis from zero, each with its fastest and slowest run; a shorter one is a faster one. */
function drawBars(what: string, { bars }: BarChart): string {
  const left = 4
  const bottom = bars.length * rowHeight
  const longest = Math.max(...bars.map(({ max }) => max))
  const valueRoom = Math.max(...bars.map(({ median }) => textWidth(`${format(median)} ms`))) + 14
  const toX = linearScale([0, longest], [left, width - valueRoom])
  const x = (value: number) => coordinate(toX(value))
  const rows = bars.map(({ name, min, median, max }, i) => {
    const top = i * rowHeight
    const middle = top + 25
    return `<g><title>${escapeHtml(name)}: ${format(min)} to ${format(max)} ms</title>
<text x="${left}" y="${top + 8}">${escapeHtml(name)}</text>
<rect x="${left}" y="${middle - 7}" width="${coordinate(toX(median) - left)}" height="14" class="${i === 0 ? "own" : "peer"}"/>
<path d="M${x(min)} ${middle}H${x(max)}" class="spread"/>
<text x="${x(max) + 6}" y="${middle}">${format(median)} ms</text></g>`
  })
  const ticks = niceTicks(0, longest).values.filter((tick) => tick <= longest)
  const axis = ticks.map(
    (tick) =>
      `<path class="grid" d="M${x(tick)} 0V${bottom}v4"/><text class="middle" x="${x(tick)}" y="${bottom + 14}">${tick.toLocaleString("en-US")}</text>`,
  )
  return `<svg viewBox="0 0 ${width} ${bottom + 24}" role="img" aria-label="Milliseconds of ${plain(what)}">
${axis.join("\n")}
<text class="name" x="${width}" y="${bottom + 14}">ms</text>
${rows.join("\n")}
</svg>`
}

/** Height of a line chart, and the edges of its plot. */
const height = 270
const edge = { top: 48, right: width - 14, bottom: height - 44 }

/** What a line chart is drawn with: ticks from zero, the scales, and the left edge of the plot. */
interface Frame {
  left: number
  xTicks: number[]
  yTicks: number[]
  toX: (value: number) => number
  toY: (value: number) => number
}

/** Points with their spread over both axes from zero, and the line that they are compared with. */
function drawLine(what: string, chart: LineChart): string {
  const frame = layOut(chart)
  const values = chart.points.map(({ label, median }) => `${label} ${format(median)}`).join(", ")
  const description = `${plain(what)}. ${escapeHtml(chart.yLabel)}, against ${escapeHtml(chart.xLabel)}: ${escapeHtml(values)}`
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${description}">
${drawAxes(chart, frame)}
${drawReference(chart, frame)}
${chart.points.map((point) => drawPoint(point, frame)).join("\n")}
${drawLegend(chart)}
</svg>`
}

const format = (value: number) => {
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0
  return value.toLocaleString("en-US", { maximumFractionDigits: digits })
}

function layOut({ points, line }: LineChart): Frame {
  const lastX = Math.max(...points.map(({ x }) => x))
  const highest = Math.max(...points.map(({ max }) => max), line ? line.intercept + line.slope * lastX : 0)
  const { values: xTicks } = niceTicks(0, lastX, 6, 1)
  const { values: yTicks } = niceTicks(0, highest)
  const left = Math.max(...yTicks.map((tick) => textWidth(tick.toLocaleString("en-US")))) + 12
  return {
    left,
    xTicks,
    yTicks,
    toX: linearScale([0, xTicks.at(-1)!], [left, edge.right]),
    toY: linearScale([0, yTicks.at(-1)!], [edge.bottom, edge.top]),
  }
}

function drawAxes({ xLabel, yLabel }: LineChart, { left, xTicks, yTicks, toX, toY }: Frame): string {
  const rows = yTicks.map((tick) => {
    const y = coordinate(toY(tick))
    return `<path class="grid" d="M${left} ${y}H${edge.right}"/><text class="name" x="${left - 7}" y="${y}">${tick.toLocaleString("en-US")}</text>`
  })
  const columns = xTicks.map((tick) => {
    const x = coordinate(toX(tick))
    return `<path class="axis" d="M${x} ${edge.bottom}v4"/><text class="middle" x="${x}" y="${edge.bottom + 14}">${tick.toLocaleString("en-US")}</text>`
  })
  return `${rows.join("\n")}
<path class="axis" d="M${left} ${edge.bottom}H${edge.right}"/>${columns.join("")}
<text x="0" y="${edge.top - 18}">${escapeHtml(yLabel)}</text>
<text class="middle" x="${(left + edge.right) / 2}" y="${height - 8}">${escapeHtml(xLabel)}</text>`
}

/** From the axis to the last point, as far as it is above zero. */
function drawReference({ points, line }: LineChart, { toX, toY }: Frame): string {
  if (line === undefined) return ""
  const at = (x: number) => `${coordinate(toX(x))} ${coordinate(toY(line.intercept + line.slope * x))}`
  const from = line.intercept < 0 ? -line.intercept / line.slope : 0
  return `<path class="reference" d="M${at(from)}L${at(Math.max(...points.map(({ x }) => x)))}"/>`
}

function drawPoint({ label, x, min, median, max }: LineChart["points"][number], { toX, toY }: Frame): string {
  const [cx, cy, low, high] = [toX(x), toY(median), toY(min), toY(max)].map(coordinate)
  const spread = min === max ? "" : `<path class="own-line" d="M${cx} ${low}V${high}m-4 0h8M${cx! - 4} ${low}h8"/>`
  const range = min === max ? "" : ` (${format(min)} to ${format(max)})`
  return `<g><title>${escapeHtml(label)}: ${format(median)}${range}</title>${spread}<circle class="own" cx="${cx}" cy="${cy}" r="3.5"/></g>`
}

function drawLegend({ pointLabel, line }: LineChart): string {
  const own = `<circle class="own" cx="5" cy="8" r="3.5"/><text x="14" y="8">${escapeHtml(pointLabel)}</text>`
  if (line === undefined) return own
  const x = textWidth(pointLabel) + 24
  return `${own}<path class="reference" d="M${x} 8h18"/><text x="${x + 24}" y="8">${escapeHtml(line.label)}</text>`
}
