/** metrics.csv: a header, then one row per epoch (RFC 4180). Numbers are written so that reading gives the same bits. */
import { open, readFile } from "node:fs/promises"
import { InputError } from "../../tensor/errors.ts"
import { writeFileAtomic } from "../../weights/node/atomic-file.ts"
import type { EpochRecord } from "../record.ts"

/** The columns in their order; the type makes a field of EpochRecord without a column an error. */
const columns = Object.keys({
  epoch: 0,
  step: 0,
  trainLoss: 0,
  valLoss: 0,
  top1: 0,
  top5: 0,
  lr: 0,
  gradNorm: 0,
  imagesPerSecond: 0,
  waitShare: 0,
  memoryBytes: 0,
  seconds: 0,
} satisfies EpochRecord) as (keyof EpochRecord)[]

const lineBreak = "\r\n"

/**
 * Begins metrics.csv for a run that goes on after `lastEpoch` (0: a new run): rows of later epochs, and a row that a
 * killed process left half written, are removed. Throws an InputError if the file cannot be read or written.
 */
export async function startMetrics(path: string, lastEpoch: number): Promise<void> {
  const kept = lastEpoch === 0 ? [] : (await readMetrics(path)).filter(({ epoch }) => epoch <= lastEpoch)
  await writeFileAtomic(path, [columns.join(",") + lineBreak, ...kept.map(formatRow)])
}

/** Adds the row of an epoch and flushes it to the disk. Throws an InputError if the file cannot be written. */
export async function appendMetrics(path: string, record: EpochRecord): Promise<void> {
  try {
    const handle = await open(path, "a")
    try {
      await handle.appendFile(formatRow(record))
      await handle.datasync()
    } finally {
      await handle.close()
    }
  } catch (cause) {
    throw new InputError(`cannot write ${path}: ${(cause as Error).message}`, { cause })
  }
}

/**
 * The epochs of a metrics.csv. Columns may be in any order, and unknown ones are ignored; a last row without a line
 * break is one that was never finished, and left out. Throws an InputError that names the line and the column.
 */
export async function readMetrics(path: string): Promise<EpochRecord[]> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(`cannot read ${path}: ${cause.code === "ENOENT" ? "no such file" : cause.message}`, { cause })
  })
  const [header, ...rows] = text.split(/\r?\n/).slice(0, -1).map(splitRow)
  if (header === undefined) throw new InputError(`cannot read ${path}: it has no header`)
  const places = columns.map((column) => header.indexOf(column))
  const missing = columns.filter((_, i) => places[i] === -1)
  if (missing.length > 0) throw new InputError(`cannot read ${path}: it has no column ${missing.join(", ")}`)
  return rows.map((row, i) => {
    const values = columns.map((column, c) => [
      column,
      parseNumber(row[places[c]!], `${path}, line ${i + 2}, ${column}`),
    ])
    return Object.fromEntries(values) as EpochRecord
  })
}

function formatRow(record: EpochRecord): string {
  return columns.map((column) => String(record[column])).join(",") + lineBreak
}

/** The fields of a line; numbers need no quotes, but a spreadsheet may have put them. */
function splitRow(line: string): string[] {
  return line.split(",").map((field) => field.trim().replace(/^"(.*)"$/, "$1"))
}

function parseNumber(field: string | undefined, where: string): number {
  const value = Number(field)
  if (field === undefined || field === "" || (Number.isNaN(value) && field !== "NaN")) {
    throw new InputError(`cannot read ${where}: expected a number, found ${JSON.stringify(field ?? "nothing")}`)
  }
  return value
}
