/** The bar chart of figure 2 of Liu et al. 2022: what was trained here beside what the paper reports. */

import { roadmapGroups } from "../../roadmap/groups.ts"
import type { RoadmapStudy } from "../../roadmap/study.ts"
import { formatCount, thin } from "../format.ts"
import { type Content, html, Markup } from "../html.ts"
import { coordinate, linearScale, niceTicks, wrapText } from "../svg/scale.ts"
import { formatPaperTop1, misprintMark, misprintNote, paperGflops } from "./paper.ts"
import { formatTop1, type StepRow, stepRows, swinOf } from "./rows.ts"
import { figureStyles } from "./styles.ts"

const width = 1000
const rowHeight = 25
const headingHeight = 27
const barHeight = 13
const top = 58
/** For the legend. Notes come under it. */
const bottomMargin = 52
const noteHeight = 16
/** Characters that a line of notes has room for. */
const noteLength = 178
/** Where the panels lie: from left to right the bars, and behind them columns that end at `value` and `costs`. */
const here = { left: 206, right: 430, value: 518, costs: 588 }
const paper = { left: 634, right: 838, value: 926, costs: 990 }

/** One bar. */
interface Bar {
  /** In percent. */
  top1: number
  deviation: number | undefined
  /** Of each seed, where they are known. */
  seeds: readonly number[]
  label: string
  /** Multiply-accumulates, and how they are written. */
  macs: number
  costs: string
}

interface Panel {
  title: string
  left: number
  right: number
  value: number
  costs: number
  bars: (Bar | undefined)[]
  /** A network to compare with. */
  line?: { title: string; top1: number }
}

/** Draws the figure as an SVG 1,000 units wide; styles are the page's. */
export function roadmapFigure(study: RoadmapStudy): Markup {
  const { rows, bottom } = layOut(stepRows(study))
  const notes = misprintNotes(rows)
  const height = bottom + bottomMargin + notes.length * noteHeight
  const swin = swinOf(study)
  const trained = rows.some(({ row }) => row.result)
  const panels: Panel[] = [
    { title: "Here: top-1, %", ...here, bars: rows.map(({ row }) => ourBar(row)) },
    {
      title: "Paper, ImageNet-1k: top-1, %",
      ...paper,
      bars: rows.map(({ row }) => paperBar(row)),
      line: { title: swin.title, top1: swin.paper.top1 },
    },
  ]
  const label = `Top-1 accuracy at each step from ResNet to ConvNeXt, ${trained ? "trained here" : "nothing trained yet"}, beside the paper's`
  return html`<svg class="chart roadmap" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">
${rows.map(({ row, y, heading }) => drawName(row, y, heading))}
${panels.map((panel) => drawPanel(panel, rows, bottom))}
${drawLegend(bottom + bottomMargin - 20, panels[1]!.line!.title)}${notes.map(
  (note, i) => html`<text class="footnote" x="24" y="${bottom + bottomMargin + i * noteHeight}">${note}</text>
`,
)}</svg>`
}

/** The figure as a file of its own, for light and dark pages. */
export function renderRoadmapFigure(study: RoadmapStudy): string {
  const figure = roadmapFigure(study).text
  const opening = figure.indexOf(">") + 1
  const style = html`<style>${new Markup(figureStyles)}</style><rect class="background" width="100%" height="100%"/>`
  return `${figure.slice(0, opening)}${style}${figure.slice(opening)}\n`
}

interface PlacedRow {
  row: StepRow
  /** Middle of the row. */
  y: number
  /** Title of the group that begins here. */
  heading?: string
}

/** The rows under each other, and where they end. */
function layOut(rows: readonly StepRow[]): { rows: PlacedRow[]; bottom: number } {
  let y = top
  const placed = rows.map((row): PlacedRow => {
    const heading = roadmapGroups.find(({ steps }) => steps[0] === row.step.id)?.title
    y += rowHeight + (heading === undefined ? 0 : headingHeight)
    return { row, y: y - rowHeight / 2, heading }
  })
  return { rows: placed, bottom: y }
}

/** Lines that say what is wrong with the paper's numbers that have a mark. */
function misprintNotes(rows: readonly PlacedRow[]): string[] {
  return rows.flatMap(({ row: { number, step } }) => {
    const note = misprintNote(step.paper)
    return note === undefined ? [] : wrapText(note.replace("*", `* ${number}:`), noteLength)
  })
}

function ourBar({ result }: StepRow): Bar | undefined {
  if (!result) return undefined
  const { top1, deviation, runs, macs } = result
  return {
    top1: top1 * 100,
    deviation: deviation && deviation * 100,
    seeds: runs.map((run) => run.top1 * 100),
    label: formatTop1(top1, deviation),
    macs,
    costs: formatCount(macs),
  }
}

function paperBar({ step: { paper } }: StepRow): Bar {
  return {
    top1: paper.top1,
    deviation: paper.top1Deviation,
    seeds: [],
    label: formatPaperTop1(paper),
    macs: paper.gflops * 1e9,
    costs: `${paperGflops(paper)}${thin}G${misprintMark(paper)}`,
  }
}

function drawName({ number, step }: StepRow, y: number, heading: string | undefined): Content {
  return html`${heading && html`<text class="group" x="2" y="${y - rowHeight / 2 - 6}">${heading}</text>`}<text class="number-mark" x="16" y="${y + 4}" text-anchor="end">${number}</text><text class="legend" x="24" y="${y + 4}">${step.title}</text>
`
}

function drawPanel(
  { title, left, right, value, costs, bars, line }: Panel,
  rows: readonly PlacedRow[],
  bottom: number,
): Content {
  const known = bars.filter((bar) => bar !== undefined)
  const values = known.flatMap((bar) => [...spreadOf(bar), ...bar.seeds])
  const all = line ? [...values, line.top1] : values
  const head = html`<text class="panel" x="${left}" y="20">${title}</text><text class="tick" x="${costs}" y="20" text-anchor="end">MACs</text>
`
  if (all.length === 0) return html`${head}<text class="tick" x="${left}" y="${top + 20}">nothing is trained yet</text>`
  // Not from zero: what is shown are differences of a few points, as in the paper's figure.
  const low = Math.min(...all)
  const { values: ticks } = niceTicks(
    Math.max(0, low - (Math.max(...all) - low) / 3 - 0.2),
    Math.min(100, Math.max(...all)),
    4,
  )
  const toX = linearScale([ticks[0]!, ticks.at(-1)!], [left, right])
  const toCosts = linearScale([0, Math.max(...known.map(({ macs }) => macs))], [left, right - 4])
  const grid = ticks.map((tick) => {
    const x = coordinate(toX(tick))
    return html`<line class="grid" x1="${x}" x2="${x}" y1="${top - 16}" y2="${bottom}"/><text class="tick" x="${x}" y="${top - 22}" text-anchor="middle">${tick}</text>`
  })
  const reference =
    line &&
    html`<line class="swin" x1="${coordinate(toX(line.top1))}" x2="${coordinate(toX(line.top1))}" y1="${top - 16}" y2="${bottom}"/>
`
  return html`${head}${grid}
${rows.map(({ row, y }, i) => drawBar(bars[i], { row, y, left, value, costs, toX, toCosts }))}${reference}`
}

/** One standard deviation to both sides, as far as shares go. */
function spreadOf({ top1, deviation = 0 }: Bar): [low: number, high: number] {
  return [Math.max(0, top1 - deviation), Math.min(100, top1 + deviation)]
}

interface BarPlace {
  row: StepRow
  y: number
  left: number
  value: number
  costs: number
  toX(top1: number): number
  toCosts(macs: number): number
}

function drawBar(bar: Bar | undefined, { row, y, left, value, costs, toX, toCosts }: BarPlace): Content {
  if (!bar)
    return html`<text class="tick" x="${left + 6}" y="${y + 4}">not trained</text>
`
  const { top1, deviation, seeds, macs, costs: written, label } = bar
  const end = coordinate(toX(top1))
  const spread = deviation === undefined ? undefined : spreadOf(bar).map((share) => coordinate(toX(share)))
  const at = coordinate(toCosts(macs))
  return html`<g><title>${row.step.title}: ${label}${thin}%, ${written} MACs</title><rect class="${row.step.sideBranch ? "bar side" : "bar"}" x="${left}" y="${y - barHeight / 2}" width="${Math.max(0, coordinate(end - left))}" height="${barHeight}" rx="1.5"/>${
    spread &&
    html`<path class="spread" d="M${spread[0]} ${y}H${spread[1]}M${spread[0]} ${y - 4}v8M${spread[1]} ${y - 4}v8"/>`
  }${seeds.length > 1 ? seeds.map((seed) => html`<circle class="seed" cx="${coordinate(toX(seed))}" cy="${y}" r="2"/>`) : undefined}<path class="costs" d="M${at} ${y - 5}l5 5l-5 5l-5-5z"/><text class="value" x="${value}" y="${y + 4}" text-anchor="end">${label}</text><text class="tick" x="${costs}" y="${y + 4}" text-anchor="end">${written}</text></g>
`
}

function drawLegend(y: number, swin: string): Content {
  return html`<rect class="bar" x="24" y="${y - 10}" width="22" height="11" rx="1.5"/><text class="tick" x="52" y="${y}">kept</text><rect class="bar side" x="100" y="${y - 10}" width="22" height="11" rx="1.5"/><text class="tick" x="128" y="${y}">tried, not kept</text><path class="spread" d="M238 ${y - 4}h22M238 ${y - 8}v8M260 ${y - 8}v8"/><text class="tick" x="266" y="${y}">± standard deviation; circles: seeds</text><path class="costs" d="M556 ${y - 9}l5 5l-5 5l-5-5z"/><text class="tick" x="567" y="${y}">multiply-accumulates, from 0</text><line class="swin" x1="776" x2="798" y1="${y - 4}" y2="${y - 4}"/><text class="tick" x="804" y="${y}">${swin} in the paper</text>
`
}
