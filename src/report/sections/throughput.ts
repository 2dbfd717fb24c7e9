/** How fast it went, on what, and what it waited for. */
import type { ReportData } from "../data.ts"
import { formatBytes, formatDuration, formatNumber, formatPercent } from "../format.ts"
import { html, type Markup } from "../html.ts"
import { type EpochSeries, epochChart, plainNumbers, shares } from "./epoch-chart.ts"
import { facts, section } from "./section.ts"

const speed: EpochSeries = { name: "images per second", value: ({ imagesPerSecond }) => imagesPerSecond }
const waiting: EpochSeries = { name: "waiting", value: ({ waitShare }) => waitShare }
const memory: EpochSeries = { name: "GiB", value: ({ memoryBytes }) => memoryBytes / 2 ** 30 }
const duration: EpochSeries = { name: "seconds", value: ({ seconds }) => seconds }

export function throughput({ runtime, epochs }: ReportData): Markup {
  const chart = (title: string, series: EpochSeries, style = plainNumbers) =>
    epochChart(title, epochs, [series], { ...style, fromZero: true })
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
${chart("Images per second", speed)}
${chart("Share of time waiting for data", waiting, shares)}
${chart("Peak resident memory, GiB", memory)}
${chart("Seconds per epoch", duration)}
</div>`,
  )
}
