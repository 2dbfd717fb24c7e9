/** How far each network sees, and whether it keeps its opinion when the image moves. */
import { countedShare } from "../../../roadmap/statistics.ts"
import { formatNumber } from "../../format.ts"
import { html, type Markup } from "../../html.ts"
import { plural, section } from "../../sections/section.ts"
import { fieldMap } from "../../svg/field-map.ts"
import { formatTop1, type InspectionResult, type StepRow, trainedRows } from "../rows.ts"

interface SeenRow extends Pick<StepRow, "number" | "step"> {
  seen: InspectionResult
}

const percent = (share: number) => `${Math.round(share * 100)}%`

export function sight(rows: readonly StepRow[]): Markup {
  const seen: SeenRow[] = trainedRows(rows).flatMap(({ number, step, result }) =>
    result.inspection ? [{ number, step, seen: result.inspection }] : [],
  )
  const [first] = seen
  if (!first) {
    return section("sight", "What the networks see", "Beyond accuracy.", "No network has been looked at yet.")
  }
  const { images, maxShift, field } = first.seen
  const intro = `On ${plural(images, "image")} that were held out. Consistency: how often two random shifts of an image, by up to ${plural(maxShift, "pixel")}, get the same top-1; strided layers sample, and what they sample changes with the shift (Zhang 2019). Receptive field: how much each pixel moves the centre of the last feature map (Luo et al. 2016), on average over images, with the smallest squares that hold ${listOf(field.squares.map(({ share }) => percent(share)))} of it.${uncertainty(seen)}`
  return section("sight", "What the networks see", intro, html`${table(seen)}${maps(seen)}`)
}

/** What the images leave open of shares from one seed, which have no spread beside them; nothing where there are none. */
function uncertainty(rows: readonly SeenRow[]): string {
  const single = rows.flatMap(({ seen }) => (seen.consistencyDeviation === undefined ? [seen] : []))
  if (single.length === 0) return ""
  const errors = single.flatMap(({ consistency, unchanged, images }) =>
    [consistency, unchanged].map((share) => 200 * countedShare(share, images).error),
  )
  const [least, most] = [Math.min(...errors), Math.max(...errors)].map((points) => points.toFixed(1))
  const range = least === most ? `${most} points` : `${least} to ${most} points`
  return ` Shares from one seed are uncertain by ± ${range}: two standard errors of so few images at the shares shown; what the seed does comes on top.`
}

function listOf(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`
}

function table(rows: readonly SeenRow[]): Markup {
  const { sides, maxShift } = rows[0]!.seen
  return html`<div class="card scroll"><table class="numbers">
<thead><tr><th scope="col">Step</th><th scope="col">Same top-1 under shifts of up to ${maxShift} px</th><th scope="col">Unchanged by 1 px</th>${sides.map(({ share }) => html`<th scope="col">${percent(share)} within</th>`)}</tr></thead>
<tbody>
${rows.map(
  ({ number, step, seen }) =>
    html`<tr><th scope="row">${number} ${step.title}</th><td>${formatTop1(seen.consistency, seen.consistencyDeviation)}%</td><td>${formatTop1(seen.unchanged, undefined)}%</td>${seen.sides.map(({ side }) => html`<td>${formatNumber(side, 3)} px</td>`)}</tr>
`,
)}</tbody>
</table></div>
`
}

function maps(rows: readonly SeenRow[]): Markup {
  return html`<div class="fields">
${rows.map(({ number, step, seen: { field } }) => {
  const [height, width] = field.map.shape as [number, number]
  const squares = field.squares.map((square) => ({ ...square, label: `${percent(square.share)}: ${square.side} px` }))
  const label = `Effective receptive field of ${step.title}, in an image of ${width} by ${height} pixels: ${squares.map((square) => square.label).join(", ")}`
  return html`<figure class="card">${fieldMap({ label, map: field.map, squares })}<figcaption>${number} ${step.title}</figcaption></figure>
`
})}</div>`
}
