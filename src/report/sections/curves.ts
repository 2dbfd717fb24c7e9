/** Learning curves. */
import type { ReportData } from "../data.ts"
import { formatNumber, formatPercent } from "../format.ts"
import { html, type Markup } from "../html.ts"
import { type EpochSeries, epochChart, plainNumbers, shares } from "./epoch-chart.ts"
import { section } from "./section.ts"

const losses: EpochSeries[] = [
  { name: "training", value: ({ trainLoss }) => trainLoss },
  { name: "validation", value: ({ valLoss }) => valLoss },
]
const top1: EpochSeries = { name: "top-1", value: ({ top1 }) => top1 }
const top5: EpochSeries = { name: "top-5", value: ({ top5 }) => top5 }
const learningRate: EpochSeries = { name: "learning rate", value: ({ lr }) => lr }
const gradNorm: EpochSeries = { name: "gradient norm", value: ({ gradNorm }) => gradNorm }

export function curves({ best, epochs, data: { classes } }: ReportData): Markup {
  const value = best.metric.startsWith("top") ? formatPercent(best.value, 2) : formatNumber(best.value)
  const known = epochs.some(({ epoch }) => epoch === best.epoch)
  const mark = known ? { x: best.epoch, label: `best ${best.epoch}` } : undefined
  const chart = (title: string, series: EpochSeries[], style = plainNumbers) =>
    epochChart(title, epochs, series, { ...style, mark })
  return section(
    "curves",
    "Learning curves",
    `The dashed line is epoch ${best.epoch} of ${epochs.length}, the best by ${best.metric} (${value}). Point at a chart for its values.`,
    html`<div class="charts">
${chart("Loss", losses)}
${chart("Validation accuracy", classes.length > 5 ? [top1, top5] : [top1], shares)}
${chart("Learning rate", [learningRate])}
${chart("Gradient norm before clipping", [gradNorm])}
</div>`,
  )
}
