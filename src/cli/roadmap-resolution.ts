/** `convnext roadmap --resolution`: how the costs of models grow with the side of the images. */

import { access, constants } from "node:fs/promises"
import { dirname } from "node:path"
import { formatBytes, thin } from "../report/format.ts"
import type { ResolutionMeasurement } from "../roadmap/node/measure-resolution.ts"
import { growthExponent, type ResolutionRow } from "../roadmap/resolution.ts"
import { InputError, UsageError } from "../tensor/errors.ts"
import type { CommandResult } from "./command.ts"
import { type Column, formatTable } from "./table.ts"

interface ResolutionFlags {
  models?: string
  sizes?: string
  svg?: string
  device?: string
  threads?: number
}

/** Measures, and draws the chart where it is asked for. */
export async function runResolution(
  { models, sizes, svg, device, threads }: ResolutionFlags,
  note: (line: string) => void,
): Promise<CommandResult> {
  if (svg !== undefined) await requireFolderOf(svg)
  const { measureResolution } = await import("../roadmap/node/measure-resolution.ts")
  const measurement = await measureResolution(models === undefined ? undefined : names(models), parseSizes(sizes), {
    device,
    threads,
    onProgress: ({ model, size, index, count }) => note(`${index} of ${count}: ${model} at ${size} pixels`),
  })
  if (svg !== undefined) {
    const { resolutionChart } = await import("../report/roadmap/resolution-chart.ts")
    const { writeFileAtomic } = await import("../weights/node/atomic-file.ts")
    await writeFileAtomic(svg, [`${resolutionChart(measurement.rows).text}\n`])
  }
  return { json: measurement, text: () => resolutionText(measurement) }
}

const names = (list: string): string[] => list.split(",").map((name) => name.trim())

function parseSizes(list: string | undefined): number[] | undefined {
  return list?.split(",").map((text) => {
    const size = Number(text)
    if (Number.isInteger(size) && size > 0) return size
    throw new UsageError(`--sizes must be whole numbers of pixels with commas between them, got "${list}"`)
  })
}

/** A table of all measurements, and under it what was left out. */
export function resolutionText({ cpu, threads, device, rows, skipped }: ResolutionMeasurement): string {
  const cells = rows.map((row, i) => [
    row.model,
    String(row.size),
    (row.macs / 1e9).toFixed(3),
    exponentSince(rows[i - 1], row),
    formatBytes(row.activationBytes).replace(thin, " "),
    `${row.milliseconds.toFixed(1)} ms`,
    formatBytes(row.peakBytes).replace(thin, " "),
  ])
  return [
    `One image at a time on ${device}, ${threads} ${threads === 1 ? "thread" : "threads"}: ${cpu}`,
    "",
    formatTable(columns, cells),
    "",
    "power: MACs grow since the row above with this power of the number of pixels; activations: kept by a training step;",
    "memory: the highest of a process that does nothing but inference",
    ...skipped.map(({ model, size, reason }) => `not measured: ${model} at ${size} pixels, ${reason}`),
  ].join("\n")
}

function exponentSince(before: ResolutionRow | undefined, { model, size, macs }: ResolutionRow): string {
  if (before?.model !== model || before.size === size) return ""
  return growthExponent({ size: before.size, cost: before.macs }, { size, cost: macs }).toFixed(2)
}

const columns: readonly Column[] = [
  { header: "model" },
  { header: "pixels", align: "right" },
  { header: "GMACs", align: "right" },
  { header: "power", align: "right" },
  { header: "activations", align: "right" },
  { header: "inference", align: "right" },
  { header: "memory", align: "right" },
]

/** Throws an InputError unless a file can be written there: after the measurements that would come late. */
async function requireFolderOf(file: string): Promise<void> {
  const folder = dirname(file)
  await access(folder, constants.W_OK).catch((cause: Error) => {
    throw new InputError(`cannot write ${file}: its folder ${folder} is not there or not writable`, { cause })
  })
}
