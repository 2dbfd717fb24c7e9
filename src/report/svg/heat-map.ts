/** A confusion matrix as a heat map: right answers on the diagonal in one hue, mistakes in another. */
import { type Content, html, type Markup } from "../html.ts"
import { coordinate, shorten, textWidth } from "./scale.ts"

export interface HeatMap {
  /** What the map shows, for those who cannot see it. */
  label: string
  names: string[]
  /** `counts[truth][predicted]`, as many rows and columns as names. */
  counts: number[][]
}

/** With more classes than this, names and counts would be too small to read and are left to the hover text. */
export const mostNamedClasses = 40

const longestName = 20
const diagonal = Math.SQRT1_2
/** Side of a map without names. */
const plainSize = 640

/** Draws the map as an SVG at its natural size in pixels; a cell's strength is its share of its row. */
export function heatMap(map: HeatMap): Markup {
  return map.names.length <= mostNamedClasses ? drawNamed(map) : drawPlain(map)
}

function drawNamed({ label, names, counts }: HeatMap): Markup {
  const cell = Math.min(72, Math.max(20, Math.round(440 / Math.max(1, names.length))))
  const size = cell * names.length
  const shown = names.map((name) => shorten(name, longestName))
  const longest = Math.max(0, ...shown.map(textWidth))
  const left = Math.max(longest, textWidth(corner)) + 12
  const top = longest * diagonal + 22
  const width = Math.ceil(left + size + longest * diagonal + 4)
  const labels = shown.map((name, i) => {
    const middle = (i + 0.5) * cell
    const [x, y] = [coordinate(left + middle), coordinate(top - 8)]
    return html`<text class="legend" x="${coordinate(left - 9)}" y="${coordinate(top + middle + 4)}" text-anchor="end">${name}</text><text class="legend" transform="translate(${x} ${y}) rotate(-45)">${name}</text>
`
  })
  const cells = drawCells(names, counts, cell, true)
  return html`<svg class="heat named" viewBox="0 0 ${width} ${Math.ceil(top + size + 1)}" width="${width}" role="img" aria-label="${label}">
<text class="tick" x="${coordinate(left - 9)}" y="${coordinate(top - 8)}" text-anchor="end">${corner}</text>
${labels}<g transform="translate(${coordinate(left)} ${coordinate(top)})">
<rect class="frame" width="${size}" height="${size}"/>
${cells}</g>
</svg>`
}

const corner = "true ↓ predicted →"

function drawPlain({ label, names, counts }: HeatMap): Markup {
  const cell = plainSize / names.length
  return html`<svg class="heat plain" viewBox="-1 -1 ${plainSize + 2} ${plainSize + 2}" role="img" aria-label="${label}">
<rect class="frame" width="${plainSize}" height="${plainSize}"/>
${drawCells(names, counts, cell, false)}</svg>`
}

/** One cell for each count above zero: most of a good model's matrix is empty. */
function drawCells(names: string[], counts: number[][], cell: number, named: boolean): Content {
  const gap = named ? 1 : 0
  return counts.map((row, truth) => {
    const total = row.reduce((sum, count) => sum + count, 0)
    return row.map((count, predicted) => {
      if (!(count > 0)) return undefined
      const share = count / total
      const kind = truth === predicted ? "right" : "wrong"
      // Mistakes are few: the square root makes one in a hundred visible.
      const strength = kind === "right" ? 0.1 + 0.9 * share : 0.25 + 0.75 * Math.sqrt(share)
      const x = predicted * cell
      const y = truth * cell
      const side = coordinate(cell - gap)
      const title = `true ${names[truth]}, predicted ${names[predicted]}: ${count} of ${total} (${(share * 100).toFixed(1)} %)`
      return html`<g><title>${title}</title><rect class="${kind}" x="${coordinate(x + gap / 2)}" y="${coordinate(y + gap / 2)}" width="${side}" height="${side}" fill-opacity="${coordinate(strength)}"/>${named ? drawCount(count, x, y, cell, strength) : undefined}</g>
`
    })
  })
}

function drawCount(count: number, x: number, y: number, cell: number, strength: number): Content {
  const size = Math.min(14, (cell - 3) / Math.max(1.6, String(count).length * 0.6))
  return html`<text class="${strength > 0.55 ? "count strong" : "count"}" x="${coordinate(x + cell / 2)}" y="${coordinate(y + cell / 2)}" font-size="${coordinate(size)}">${count}</text>`
}
