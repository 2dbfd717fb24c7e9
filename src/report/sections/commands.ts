/** What to type next. */
import type { ReportData } from "../data.ts"
import { html, type Markup } from "../html.ts"
import { section } from "./section.ts"

export function commands({ commands }: ReportData): Markup {
  const entries = commands.map(
    ({
      title,
      command,
    }) => html`<div class="command"><h3>${title}</h3><pre class="code"><code>${command}</code></pre></div>
`,
  )
  return section("commands", "Commands", "To go on from here.", entries)
}
