/** Which classes are taken for which. */
import type { ReportData } from "../data.ts"
import { formatPercent } from "../format.ts"
import { html, type Markup } from "../html.ts"
import { heatMap, mostNamedClasses } from "../svg/heat-map.ts"
import { section } from "./section.ts"

/** With more classes a cell is too small to see, and the list says more. */
const mostDrawnClasses = 200
const listedConfusions = 15

export function confusion({ evaluation, data: { classes } }: ReportData): Markup {
  const drawn = classes.length <= mostDrawnClasses
  const label = `Confusion matrix of ${classes.length} classes`
  const map = html`<div class="scroll">${heatMap({ label, names: classes, counts: evaluation.confusion })}</div>`
  const order =
    classes.length > mostNamedClasses ? " Rows and columns are the classes in their order in the data set." : ""
  const intro = drawn
    ? `A row is a true class, a column what the model said: blue is right, orange is wrong.${order} Point at a cell for its classes and counts.`
    : `The most frequent confusions of ${classes.length} classes.`
  return section(
    "confusion",
    "Confusion matrix",
    intro,
    html`<div class="confusion">${drawn ? map : undefined}${topConfusions(evaluation.confusion, classes)}</div>`,
  )
}

function topConfusions(counts: number[][], classes: string[]): Markup {
  const confusions = counts.flatMap((row, truth) => {
    const total = row.reduce((sum, count) => sum + count, 0)
    return row.map((count, predicted) => ({ truth, predicted, count, share: count / total }))
  })
  const worst = confusions
    .filter(({ truth, predicted, count }) => truth !== predicted && count > 0)
    .sort((a, b) => b.count - a.count || b.share - a.share)
    .slice(0, listedConfusions)
  if (worst.length === 0) return html`<p>Every validation image was classified correctly.</p>`
  const rows = worst.map(
    ({ truth, predicted, count, share }) =>
      html`<tr><td>${classes[truth]}</td><td>${classes[predicted]}</td><td class="number">${count}</td><td class="number">${formatPercent(share)}</td></tr>
`,
  )
  return html`<div class="list"><h3>Most frequent confusions</h3>
<div class="scroll"><table>
<thead><tr><th>True</th><th>Predicted</th><th class="number">Images</th><th class="number">Share</th></tr></thead>
<tbody>${rows}</tbody>
</table></div></div>`
}
