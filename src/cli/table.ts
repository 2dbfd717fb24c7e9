/** Tables in plain text. */

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

/** A share as a percentage: 0.8123 -> "81.2%". */
export function formatPercent(share: number): string {
  return `${(100 * share).toFixed(1)}%`
}

/** A count in three or four digits: 28589128 -> "28.6M". */
export function formatCount(count: number): string {
  if (count < 1000) return String(count)
  const units = ["k", "M", "G", "T"]
  const power = Math.min(Math.floor(Math.log10(count) / 3), units.length)
  const scaled = (count / 1000 ** power).toFixed(1)
  // 999,950 is 1000.0k after rounding: it belongs to the next unit.
  if (scaled === "1000.0" && power < units.length) return `1.0${units[power]}`
  return `${scaled}${units[power - 1]}`
}

/** Seconds as people say them: "8 s", "3 min 20 s", "2 h 5 min". */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min ${whole % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
