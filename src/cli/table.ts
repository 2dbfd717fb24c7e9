/** Tables and numbers in plain text. */

import * as format from "../report/format.ts"

export interface Column {
  header: string
  align?: "left" | "right"
}

/** Rows under headers, columns as wide as their longest cell and two spaces apart. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ header }, i) => Math.max(header.length, ...rows.map((row) => row[i]!.length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (columns[i]!.align === "right" ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd()
  return [columns.map(({ header }) => header), ...rows].map(line).join("\n")
}

/** A share as a percentage: 0.8123 is "81.2%". */
export function formatPercent(share: number): string {
  return forTerminal(format.formatPercent(share), "")
}

/** Three digits and a decimal prefix: 28589128 is "28.6M". */
export function formatCount(count: number): string {
  return forTerminal(format.formatCount(count), "")
}

/** The two largest units of a duration: "7.6 s", "3 min 20 s", "2 h 5 min". */
export function formatDuration(seconds: number): string {
  return forTerminal(format.formatDuration(seconds), " ")
}

/** Terminals show thin spaces and long dashes badly, or not at all, and nobody can type them into a search. */
function forTerminal(text: string, space: string): string {
  return text.replaceAll(format.thin, space).replace(format.dash, "-")
}
