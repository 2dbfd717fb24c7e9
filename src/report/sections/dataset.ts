/** What it was trained and validated on, what was skipped, and what the augmentations made of it. */
import type { DataSummary, ReportData } from "../data.ts"
import { formatInteger } from "../format.ts"
import { type Content, html, type Markup } from "../html.ts"
import { augmented } from "./pictures.ts"
import { facts, plural, section } from "./section.ts"

/** A folder may hold more broken files than anyone reads about. */
const listedSkipped = 200

export function dataset(report: ReportData): Markup {
  const { data } = report
  return section(
    "data",
    "Data",
    data.description,
    html`${data.warnings.map(
      (warning) => html`<p class="warning">${warning}</p>
`,
    )}${facts([
      ["Classes", formatInteger(data.classes.length)],
      ["Training images", formatInteger(data.trainCount)],
      ["Validation images", formatInteger(data.valCount)],
      ["Skipped files", formatInteger(data.skipped.length)],
    ])}${skippedFiles(data)}${augmented(report)}`,
  )
}

function skippedFiles({ skipped }: DataSummary): Content {
  if (skipped.length === 0) return undefined
  const rest = skipped.length - listedSkipped
  const rows = skipped.slice(0, listedSkipped).map(
    ({ source, reason }) => html`<tr><td class="path">${source}</td><td>${reason}</td></tr>
`,
  )
  return html`<details${skipped.length <= 10 ? open : undefined}>
<summary>${plural(skipped.length, "file was", "files were")} skipped</summary>
<div class="scroll tall"><table>
<thead><tr><th>File</th><th>Reason</th></tr></thead>
<tbody>${rows}</tbody>
</table></div>
${rest > 0 ? html`<p class="intro">and ${formatInteger(rest)} more</p>` : undefined}</details>
`
}

const open = html` open`
