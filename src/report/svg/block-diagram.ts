/** A block of a network as a column of operators, from its input to its output, with its shortcut at the side. */
import { type Content, html, type Markup } from "../html.ts"
import { textWidth } from "./scale.ts"

export interface BlockDiagram {
  /** What is drawn, for those who cannot see it. */
  label: string
  rows: BlockDiagramRow[]
}

export interface BlockDiagramRow {
  /** What it is: picks its look. */
  kind: "convolution" | "norm" | "activation" | "layer-scale" | "add"
  text: string
  /** It differs from the diagram beside it. */
  changed: boolean
}

const width = 250
const rowHeight = 34
const boxHeight = 22
const top = 30
const middle = 112
const shortcut = 236

/** Draws the diagram as an SVG 250 units wide. */
export function blockDiagram({ label, rows }: BlockDiagram): Markup {
  const height = top + rows.length * rowHeight + 16
  const yOf = (i: number) => top + i * rowHeight
  const sum = rows.findIndex(({ kind }) => kind === "add")
  const drawRow = ({ kind, text, changed }: BlockDiagramRow, i: number): Content => {
    const y = yOf(i)
    const wide = kind === "convolution" ? 200 : Math.max(84, textWidth(text) + 22)
    return html`<rect class="box ${kind}${changed ? " changed" : ""}" x="${middle - wide / 2}" y="${y}" width="${wide}" height="${boxHeight}" rx="${kind === "convolution" ? 4 : 11}"/><text class="legend" x="${middle}" y="${y + 15}" text-anchor="middle">${text}</text><path class="arrow" d="M${middle} ${y + boxHeight}v${rowHeight - boxHeight}"/>
`
  }
  const added = yOf(sum) + boxHeight / 2
  return html`<svg class="block" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}">
<path class="arrow" d="M${middle} 6V${top}"/><path class="arrow" d="M${middle} 14H${shortcut}V${added}H${middle + 42}"/>
${rows.map(drawRow)}</svg>`
}
