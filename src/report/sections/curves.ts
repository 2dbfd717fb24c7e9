/** Learning curves. */
import type { EpochRecord } from "../../train/record.ts"
import type { ReportData } from "../data.ts"
import { formatNumber, formatPercent, formatShare } from "../format.ts"
import { html, type Markup } from "../html.ts"
import { type LineChart, lineChart } from "../svg/line-chart.ts"
import { chartFigure, section } from "./section.ts"

type EpochChartStyle = Pick<LineChart, "format" | "fromZero" | "largest" | "mark">

/** An axis of percentages that does not go beyond 100 %. */
export const shares: EpochChartStyle = { format: formatShare, largest: 1 }

const plainNumbers: EpochChartStyle = { format: (value) => formatNumber(value) }

/** A chart over the epochs of a run, drawn in the way that `style` says. */
export function epochChart(
  epochs: EpochRecord[],
  label: string,
  series: { name: string; value: (epoch: EpochRecord) => number }[],
  style: EpochChartStyle,
): Markup {
  return lineChart({
    ...style,
    label: `${label} per epoch`,
    xLabel: "epoch",
    x: epochs.map(({ epoch }) => epoch),
    series: series.map(({ name, value }) => ({ name, values: epochs.map(value) })),
  })
}

export function curves({ best, epochs, data: { classes } }: ReportData): Markup {
  const value = best.metric.startsWith("top") ? formatPercent(best.value, 2) : formatNumber(best.value)
  const mark = epochs.some(({ epoch }) => epoch === best.epoch)
    ? { x: best.epoch, label: `best ${best.epoch}` }
    : undefined
  const chart = (title: string, series: Parameters<typeof epochChart>[2], style: EpochChartStyle = plainNumbers) =>
    chartFigure(title, epochChart(epochs, title, series, { ...style, mark }))
  const losses = [
    { name: "training", value: ({ trainLoss }: EpochRecord) => trainLoss },
    { name: "validation", value: ({ valLoss }: EpochRecord) => valLoss },
  ]
  const accuracies = [{ name: "top-1", value: ({ top1 }: EpochRecord) => top1 }]
  if (classes.length > 5) accuracies.push({ name: "top-5", value: ({ top5 }: EpochRecord) => top5 })
  return section(
    "curves",
    "Learning curves",
    `The dashed line is epoch ${best.epoch} of ${epochs.length}, the best by ${best.metric} (${value}). Point at a chart for its values.`,
    html`<div class="charts">
${chart("Loss", losses)}
${chart("Validation accuracy", accuracies, shares)}
${chart("Learning rate", [{ name: "learning rate", value: ({ lr }) => lr }])}
${chart("Gradient norm before clipping", [{ name: "gradient norm", value: ({ gradNorm }) => gradNorm }])}
</div>`,
  )
}
