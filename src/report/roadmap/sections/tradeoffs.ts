/** Accuracy against what a network costs. */
import { formatCount, formatNumber } from "../../format.ts"
import { html, type Markup } from "../../html.ts"
import { chartFigure, section } from "../../sections/section.ts"
import { scatterChart } from "../../svg/scatter-chart.ts"
import { type StepResult, type StepRow, trainedRows } from "../rows.ts"

interface Cost {
  title: string
  axis: string
  value(result: StepResult): number
  format(value: number): string
}

const costs: readonly Cost[] = [
  {
    title: "Multiply-accumulates",
    axis: "multiply-accumulates of one image",
    value: ({ macs }) => macs,
    format: formatCount,
  },
  { title: "Parameters", axis: "parameters", value: ({ parameters }) => parameters, format: formatCount },
  {
    title: "Measured training speed",
    axis: "images per second",
    value: ({ imagesPerSecond }) => imagesPerSecond,
    format: (value) => formatNumber(value, 3),
  },
  {
    title: "Measured memory",
    axis: "MiB of the process while it trained",
    value: ({ memoryBytes }) => memoryBytes / 2 ** 20,
    format: (value) => formatNumber(value, 4),
  },
]

export function tradeoffs(rows: readonly StepRow[]): Markup {
  const trained = trainedRows(rows)
  const chart = ({ title, axis, value, format }: Cost) =>
    chartFigure(
      `Top-1 and ${title.toLowerCase()}`,
      scatterChart({
        label: `Top-1 accuracy against ${title.toLowerCase()}`,
        xLabel: axis,
        points: trained.map(({ number, step, result }) => ({
          mark: String(number),
          name: `${number} ${step.title}`,
          x: value(result),
          y: result.top1 * 100,
          spread: result.deviation && result.deviation * 100,
          aside: step.sideBranch,
        })),
        formatX: format,
        formatY: (top1) => `${formatNumber(top1, 3)}%`,
      }),
    )
  return section(
    "costs",
    "What accuracy costs",
    "The numbers are those of the figure above; the line follows the steps that are kept. Speed is the median of the epochs and depends on what else the machine did; memory is that of the whole process, which also holds the images and what earlier runs left behind.",
    html`<div class="charts">
${costs.map(chart)}</div>`,
  )
}
