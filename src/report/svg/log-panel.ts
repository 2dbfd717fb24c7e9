/** Lines over logarithmic axes: a power of x is a straight line there, and the power is its slope. */

import { type Content, html, type Markup } from "../html.ts"
import { coordinate, linearScale, textWidth } from "./scale.ts"

/** A line and what stands at its end. Coordinates are above 0. */
export interface LogSeries {
  label: string
  points: { x: number; y: number }[]
}

export interface LogPanel {
  title: string
  /** Values of x that get a tick. */
  xTicks: number[]
  xLabel: string
  series: LogSeries[]
  /** Powers of x to compare with: drawn from under the first point of the lowest line. */
  guides: { power: number; label: string }[]
  /** Writes a value of y. */
  format: (value: number) => string
}

/** Size of a panel, in units of the drawing. */
export const logPanelSize = { width: 460, height: 290 } as const

const top = 40
const bottom = logPanelSize.height - 42
/** Between the highest point and the edge of the plot. */
const inset = 12
/** Between the lowest point and the edge: room for the guides, and what is written under them. */
const lowerInset = 34
/** Between the lowest line and the guides. */
const guideDistance = 14
/** Between the lines of labels. */
const labelHeight = 14

interface Frame {
  left: number
  right: number
  yTicks: number[]
  toX: (value: number) => number
  toY: (value: number) => number
}

/** Draws a panel as a group of {@link logPanelSize}; series i has the class `series-I`, counted from 1. */
export function logPanel(panel: LogPanel): Markup {
  const frame = layOut(panel)
  return html`<text class="title" x="0" y="16">${panel.title}</text>
${drawAxes(panel, frame)}
${drawGuides(panel, frame)}
${panel.series.map((series, i) => drawSeries(series, i, frame, panel))}
${drawLabels(panel, frame)}`
}

function layOut({ xTicks, series, format }: LogPanel): Frame {
  const points = series.flatMap((line) => line.points)
  const [low, high] = range(points.map(({ y }) => y))
  const yTicks = logTicks(low, high)
  const left = Math.max(36, ...yTicks.map((tick) => textWidth(format(tick)))) + 10
  const right = logPanelSize.width - Math.max(0, ...series.map(({ label }) => textWidth(label))) - 16
  const [firstX, lastX] = range([...xTicks, ...points.map(({ x }) => x)])
  return {
    left,
    right,
    yTicks,
    toX: logScale(firstX, lastX, left + inset, right),
    toY: logScale(low, high, bottom - lowerInset, top + inset),
  }
}

const range = (values: number[]): [number, number] => [Math.min(...values), Math.max(...values)]

/** Maps a range of positive numbers by their logarithms; a single one lies in the middle. */
function logScale(low: number, high: number, from: number, to: number): (value: number) => number {
  if (low === high) return () => (from + to) / 2
  const scale = linearScale([Math.log(low), Math.log(high)], [from, to])
  return (value) => scale(Math.log(value))
}

/** Powers of ten within a range, or where they are few also their multiples by 2 and 5. */
export function logTicks(low: number, high: number): number[] {
  const powers = Array.from(
    { length: Math.ceil(Math.log10(high)) - Math.floor(Math.log10(low)) + 1 },
    (_, i) => Math.floor(Math.log10(low)) + i,
  )
  const within = (factors: number[]) =>
    powers
      .flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`)))
      .filter((tick) => tick >= low && tick <= high)
  const decades = within([1])
  return decades.length > 2 ? decades : within([1, 2, 5])
}

function drawAxes({ xTicks, xLabel, format }: LogPanel, { left, right, yTicks, toX, toY }: Frame): Content {
  const horizontal = yTicks.map((tick) => {
    const y = coordinate(toY(tick))
    return html`<line class="grid" x1="${left}" x2="${right}" y1="${y}" y2="${y}"/><text class="tick" x="${left - 8}" y="${y + 4}" text-anchor="end">${format(tick)}</text>`
  })
  const vertical = xTicks.map((tick) => {
    const x = coordinate(toX(tick))
    return html`<line class="axis" x1="${x}" x2="${x}" y1="${bottom}" y2="${bottom + 4}"/><text class="tick" x="${x}" y="${bottom + 17}" text-anchor="middle">${tick.toLocaleString("en-US")}</text>`
  })
  const middle = coordinate((left + right) / 2)
  return html`${horizontal}<line class="axis" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>${vertical}
<text class="tick" x="${middle}" y="${logPanelSize.height - 6}" text-anchor="middle">${xLabel}</text>`
}

/** The powers of x from under the first point of the lowest line, as far as the plot goes. */
function drawGuides({ guides, series, xTicks }: LogPanel, { toX, toY }: Frame): Content {
  const [start] = series.flatMap(({ points }) => points.slice(0, 1)).sort((a, b) => a.y - b.y)
  const last = Math.max(...xTicks)
  if (!start || last <= start.x) return undefined
  const at = (x: number, power: number) => toY(start.y * (x / start.x) ** power) + guideDistance
  const [x1, y1] = [toX(start.x), at(start.x, 0)]
  return guides.map(({ power, label }) => {
    const slope = (at(last, power) - y1) / (toX(last) - x1)
    const y2 = Math.max(top + inset, at(last, power))
    const x2 = x1 + (y2 - y1) / slope
    // Where it leaves the plot there is nothing to the left of it; elsewhere, nothing under its middle to the right.
    const [textX, textY, anchor] =
      y2 > at(last, power) ? [x2 - 6, y2 + 4, "end"] : [(x1 + x2) / 2 + 6, (y1 + y2) / 2 + 10, "start"]
    return html`<line class="guide" x1="${coordinate(x1)}" y1="${coordinate(y1)}" x2="${coordinate(x2)}" y2="${coordinate(y2)}"/><text class="tick" x="${coordinate(textX)}" y="${coordinate(textY)}" text-anchor="${anchor}">${label}</text>`
  })
}

function drawSeries(
  { label, points }: LogSeries,
  i: number,
  { toX, toY }: Frame,
  { format, xLabel }: LogPanel,
): Content {
  const places = points.map(({ x, y }) => `${coordinate(toX(x))} ${coordinate(toY(y))}`)
  const dots = points.map(({ x, y }) => {
    const title = `${label}\n${xLabel} ${x.toLocaleString("en-US")}: ${format(y)}`
    return html`<circle class="dot" cx="${coordinate(toX(x))}" cy="${coordinate(toY(y))}" r="3.5"><title>${title}</title></circle>`
  })
  return html`<g class="series-${i + 1}">${places.length > 1 ? html`<path class="line" d="M${places.join("L")}"/>` : undefined}${dots}</g>
`
}

/** What stands at the ends of the lines, moved apart where they come close. */
function drawLabels({ series }: LogPanel, { right, toY }: Frame): Content {
  const ends = series
    .flatMap(({ label, points }, i) => (points.length > 0 ? [{ label, i, y: toY(points.at(-1)!.y) }] : []))
    .sort((a, b) => a.y - b.y)
  ends.forEach((end, rank) => {
    if (rank > 0) end.y = Math.max(end.y, ends[rank - 1]!.y + labelHeight)
  })
  ends.reverse().forEach((end, rank) => {
    end.y = Math.min(end.y, rank === 0 ? bottom : ends[rank - 1]!.y - labelHeight)
  })
  return ends.map(
    ({ label, i, y }) =>
      html`<text class="end series-${i + 1}" x="${right + 10}" y="${coordinate(y + 4)}">${label}</text>`,
  )
}
