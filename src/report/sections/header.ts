/** Title, command and the figures that matter most. */
import type { ReportData } from "../data.ts"
import { formatBytes, formatCount, formatDuration, formatNumber, formatPercent } from "../format.ts"
import { html, type Markup } from "../html.ts"
import { plural } from "./section.ts"

export function header(data: ReportData): Markup {
  const { model, title, command, createdAt, version } = data
  return html`<header>
<p class="eyebrow">Training report</p>
<h1>${title}</h1>
<p class="meta">${model.name} · ${data.data.description} · ${formatDate(createdAt)} · convnext ${version}</p>
${command === undefined ? undefined : html`<pre class="code"><code>${command}</code></pre>`}
<dl class="figures">
${keyFigures(data).map(
  ([name, value, note]) => html`<div><dt>${name}</dt><dd>${value}</dd><dd class="note">${note}</dd></div>
`,
)}</dl>
</header>
`
}

/** Name, value and note of eight figures, which fill the rows of the grid at every width. */
function keyFigures({ evaluation, model, runtime, best, epochs, data }: ReportData): [string, string, string][] {
  const size = model.inputShape.slice(0, 2).join(" × ")
  const epoch = `epoch ${best.epoch} of ${epochs.length}`
  return [
    ["Top-1", formatPercent(evaluation.top1, 2), `of ${plural(evaluation.count, "validation image")}`],
    data.classes.length > 5
      ? ["Top-5", formatPercent(evaluation.top5, 2), `validation, ${epoch}`]
      : ["Best epoch", `${best.epoch}`, `of ${epochs.length}, by ${best.metric}`],
    ["Loss", formatNumber(evaluation.loss), `validation, ${epoch}`],
    ["Parameters", formatCount(model.parameters), plural(data.classes.length, "class", "classes")],
    ["MACs", formatCount(model.macs), `per image at ${size}`],
    ["Training speed", formatNumber(runtime.imagesPerSecond, 3), "images per second"],
    ["Duration", formatDuration(runtime.seconds), `on ${runtime.device}, ${plural(runtime.threads, "thread")}`],
    ["Peak memory", formatBytes(runtime.peakMemoryBytes), "resident"],
  ]
}

/** "2026-03-14 09:26 UTC", whatever the machine's language and time zone. */
function formatDate(iso: string): string {
  const date = new Date(iso)
  return Number.isNaN(date.getTime()) ? iso : `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`
}
