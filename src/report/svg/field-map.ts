/** A map of shares over an image, such as an effective receptive field, with squares that hold parts of it. */

import { type Content, html, type Markup } from "../html.ts"
import { coordinate } from "./scale.ts"

export interface FieldMap {
  /** What the map shows, for those who cannot see it. */
  label: string
  /** Values of at least 0, row by row: [H, W]. */
  map: { shape: readonly number[]; data: ArrayLike<number> }
  /** In elements of the map; those of side 0 are left out. */
  squares: { label: string; side: number; top: number; left: number }[]
}

/** Height and width of the longer side, in units of the drawing. */
const extent = 240
/** More cells along a side would not be seen. */
const mostCells = 60
/** Steps of strength. */
const levels = 12

/** Draws the map as an SVG that scales with the page. A cell's strength goes with the square root of its value. */
export function fieldMap({ label, map, squares }: FieldMap): Markup {
  const [height, width] = map.shape as [number, number]
  const unit = extent / Math.max(height, width)
  const block = Math.ceil(Math.max(height, width) / mostCells)
  return html`<svg class="field" viewBox="-1 -1 ${coordinate(width * unit + 2)} ${coordinate(height * unit + 2)}" role="img" aria-label="${label}">
<rect width="${coordinate(width * unit)}" height="${coordinate(height * unit)}" style="fill:none;stroke:var(--rule,#e5e2da)"/>
<g transform="scale(${unit * block})" style="fill:var(--right,#2457c5)">
${drawLevels(sumBlocks(map, block))}</g>
${squares.filter(({ side }) => side > 0).map((square) => drawSquare(square, unit))}</svg>`
}

interface Grid {
  rows: number
  columns: number
  values: Float64Array
}

/** Sums over blocks of elements: the last ones of a row or column may be smaller. */
function sumBlocks({ shape, data }: FieldMap["map"], block: number): Grid {
  const [height, width] = shape as [number, number]
  const [rows, columns] = [Math.ceil(height / block), Math.ceil(width / block)]
  const values = new Float64Array(rows * columns)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      values[Math.floor(y / block) * columns + Math.floor(x / block)]! += data[y * width + x]!
    }
  }
  return { rows, columns, values }
}

/** One path for each strength, of the runs of cells that have it: thousands of cells would be too many elements. */
function drawLevels({ rows, columns, values }: Grid): Content {
  const largest = values.reduce((a, b) => Math.max(a, b), 0)
  const levelAt = (y: number, x: number) => Math.round(levels * Math.sqrt(values[y * columns + x]! / (largest || 1)))
  const paths = Array.from({ length: levels + 1 }, () => "")
  for (let y = 0; y < rows; y++) {
    for (let x = 0, end = 0; x < columns; x = end) {
      const level = levelAt(y, x)
      end = x + 1
      while (end < columns && levelAt(y, end) === level) end++
      paths[level] += `M${x} ${y}h${end - x}v1H${x}z`
    }
  }
  return paths.map((path, level) =>
    level > 0 && path !== "" ? html`<path d="${path}" fill-opacity="${coordinate(level / levels)}"/>\n` : undefined,
  )
}

function drawSquare({ label, side, top, left }: FieldMap["squares"][number], unit: number): Content {
  const [x, y, size] = [left, top, side].map((value) => coordinate(value * unit))
  return html`<g><title>${label}</title><rect x="${x}" y="${y}" width="${size}" height="${size}" style="fill:none;stroke:var(--wrong,#c2540a);stroke-width:1.5"/></g>
`
}
