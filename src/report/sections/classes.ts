/** Precision, recall and F1 of each class. */
import type { ClassScore, ReportData } from "../data.ts"
import { formatInteger, formatPercent } from "../format.ts"
import { html, type Markup } from "../html.ts"
import { plural, section } from "./section.ts"

export function classes({ evaluation, data }: ReportData): Markup {
  // A class that nothing is known of is not hard.
  const orLast = (score: number) => (Number.isNaN(score) ? 2 : score)
  const worstFirst = [...evaluation.perClass].sort((a, b) => orLast(a.f1) - orLast(b.f1) || b.support - a.support)
  return section(
    "classes",
    "Classes",
    `${plural(data.classes.length, "class", "classes")}, the hardest (lowest F1) first.`,
    html`<div class="scroll tall"><table>
<thead><tr><th>Class</th><th class="number">Precision</th><th class="number">Recall</th><th class="number">F1</th><th class="number">Support</th></tr></thead>
<tbody>${worstFirst.map(classRow)}</tbody>
</table></div>`,
  )
}

function classRow({ name, precision, recall, f1, support }: ClassScore): Markup {
  return html`<tr><td>${name}</td>${[precision, recall, f1].map(scoreCell)}<td class="number">${formatInteger(support)}</td></tr>
`
}

function scoreCell(score: number): Markup {
  const width = Number.isFinite(score) ? (score * 100).toFixed(1) : 0
  return html`<td class="score"><span class="meter"><i style="width:${width}%"></i></span><span>${formatPercent(score)}</span></td>`
}
