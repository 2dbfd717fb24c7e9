/** How all steps learned. */
import type { EpochRecord } from "../../../train/record.ts"
import { formatNumber, formatShare } from "../../format.ts"
import { html, type Markup } from "../../html.ts"
import { chartFigure, section } from "../../sections/section.ts"
import { curveBundle } from "../../svg/curve-bundle.ts"
import { type StepRow, trainedRows } from "../rows.ts"

export function curves(rows: readonly StepRow[]): Markup {
  const trained = trainedRows(rows)
  if (trained.length === 0) return section("curves", "Learning curves", "Nothing has been trained yet.", undefined)
  const chart = (title: string, value: (epoch: EpochRecord) => number, format: (value: number) => string) =>
    chartFigure(
      title,
      curveBundle({
        label: `${title} per epoch, a line for each step`,
        xLabel: "epoch",
        format,
        curves: trained.map(({ number, step, result }) => ({
          name: `${number} ${step.title}`,
          place: (number - 1) / (rows.length - 1),
          values: result.runs[0]!.epochs.map(value),
        })),
      }),
    )
  return section(
    "curves",
    "Learning curves",
    html`Of the first seed. From <span class="from">the ResNet at the start</span> to <span class="to">the ConvNeXt at the end</span>, which are drawn thicker; point at a line for its name.`,
    html`<div class="charts">
${chart("Validation accuracy", ({ top1 }) => top1, formatShare)}
${chart("Training loss", ({ trainLoss }) => trainLoss, formatNumber)}
</div>`,
  )
}
