/** How fast it went, on what, and what it waited for. */
import type { EpochRecord } from "../../train/record.ts"
import type { ReportData } from "../data.ts"
import { formatBytes, formatDuration, formatNumber, formatPercent, formatShare } from "../format.ts"
import { html, type Markup } from "../html.ts"
import { epochChart } from "./curves.ts"
import { chartFigure, facts, section } from "./section.ts"

export function throughput({ runtime, epochs }: ReportData): Markup {
  const chart = (title: string, value: (epoch: EpochRecord) => number, format: (x: number) => string) =>
    chartFigure(title, epochChart(epochs, title, [{ name: title.toLowerCase(), value }], { format, fromZero: true }))
  return section(
    "throughput",
    "Throughput",
    `${formatNumber(runtime.imagesPerSecond, 3)} images per second on ${runtime.machine}.`,
    html`${facts([
      ["Device", runtime.device],
      ["Threads", runtime.threads],
      ["Duration", formatDuration(runtime.seconds)],
      ["Waiting for data", formatPercent(runtime.waitShare)],
      ["Peak memory", formatBytes(runtime.peakMemoryBytes)],
    ])}<div class="charts">
${chart(
  "Images per second",
  ({ imagesPerSecond }) => imagesPerSecond,
  (x) => formatNumber(x, 3),
)}
${chart("Share of time waiting for data", ({ waitShare }) => waitShare, formatShare)}
${chart(
  "Peak resident memory, GiB",
  ({ memoryBytes }) => memoryBytes / 2 ** 30,
  (x) => formatNumber(x, 3),
)}
${chart(
  "Seconds per epoch",
  ({ seconds }) => seconds,
  (x) => formatNumber(x, 4),
)}
</div>`,
  )
}
