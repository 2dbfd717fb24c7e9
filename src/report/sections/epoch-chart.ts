/** Charts over the epochs of a run. */
import type { EpochRecord } from "../../train/record.ts"
import { formatNumber, formatShare } from "../format.ts"
import type { Markup } from "../html.ts"
import { type LineChart, lineChart } from "../svg/line-chart.ts"
import { chartFigure } from "./section.ts"

/** A line: its name, and what it takes from an epoch. */
export interface EpochSeries {
  name: string
  value: (epoch: EpochRecord) => number
}

type EpochChartStyle = Pick<LineChart, "format" | "fromZero" | "largest" | "mark">

/** Axes of plain numbers. */
export const plainNumbers: EpochChartStyle = { format: (value) => formatNumber(value) }

/** Axes of percentages that do not go beyond 100 %. */
export const shares: EpochChartStyle = { format: formatShare, largest: 1 }

/** A figure with one point per epoch and series. */
export function epochChart(
  title: string,
  epochs: EpochRecord[],
  series: EpochSeries[],
  style: EpochChartStyle,
): Markup {
  const chart = lineChart({
    ...style,
    label: `${title} per epoch`,
    xLabel: "epoch",
    x: epochs.map(({ epoch }) => epoch),
    series: series.map(({ name, value }) => ({ name, values: epochs.map(value) })),
  })
  return chartFigure(title, chart)
}
