/** Numbers as people read them. What is not finite is a dash. */

/** What stands for a number that is not finite. */
export const dash = "–"

/** Between a number and its unit: a narrow no-break space. */
export const thin = "\u202f"

function orDash(value: number, format: (value: number) => string): string {
  return Number.isFinite(value) ? format(value) : dash
}

/** A share of 0 to 1 as a percentage: 0.9341 is "93.4 %". */
export function formatPercent(share: number, digits = 1): string {
  return orDash(share, () => `${(share * 100).toFixed(digits)}${thin}%`)
}

/** A share of 0 to 1 as a percentage without zeros at the end: 0.9 is "90 %", 0.93412 is "93.41 %". */
export function formatShare(share: number): string {
  return orDash(share, () => `${formatNumber(share * 100)}${thin}%`)
}

/** Whole numbers with groups of three: 28589128 is "28,589,128". */
export function formatInteger(value: number): string {
  return orDash(value, () => Math.round(value).toLocaleString("en-US"))
}

/** Three digits and a decimal prefix: 28589128 is "28.6 M". */
export function formatCount(value: number): string {
  return orDash(value, () => {
    const rounded = Number(value.toPrecision(3)) // before the unit is chosen, or 999,999 would be "1000 k"
    const [scale, prefix] = pickUnit(rounded, [
      [1e12, "T"],
      [1e9, "G"],
      [1e6, "M"],
      [1e3, "k"],
      [1, ""],
    ])
    return prefix === "" ? String(rounded) : `${(rounded / scale).toPrecision(3)}${thin}${prefix}`
  })
}

/** Bytes with a binary prefix: 2 ** 31 is "2.00 GiB". */
export function formatBytes(bytes: number): string {
  return orDash(bytes, () => {
    const [scale, unit] = pickUnit(bytes, [
      [2 ** 40, "TiB"],
      [2 ** 30, "GiB"],
      [2 ** 20, "MiB"],
      [2 ** 10, "KiB"],
      [1, "B"],
    ])
    const value = bytes / scale
    return `${value >= 1000 ? value.toFixed(0) : formatNumber(value, 3)}${thin}${unit}`
  })
}

/** The two largest units of a duration: 8040 is "2 h 14 min". */
export function formatDuration(seconds: number): string {
  return orDash(seconds, () => {
    if (seconds < 60) return `${formatNumber(seconds, seconds < 10 ? 2 : 3)}${thin}s`
    const whole = Math.round(seconds)
    const minutes = Math.round(whole / 60)
    const hours = Math.round(whole / 3600)
    if (whole < 3600) return joinUnits(Math.floor(whole / 60), "min", whole % 60, "s")
    if (whole < 86400) return joinUnits(Math.floor(minutes / 60), "h", minutes % 60, "min")
    return joinUnits(Math.floor(hours / 24), "d", hours % 24, "h")
  })
}

/** At most so many significant digits, without zeros at the end. Small and huge numbers get an exponent. */
export function formatNumber(value: number, digits = 4): string {
  return orDash(value, () => String(Number(value.toPrecision(digits))))
}

function joinUnits(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${thin}${largeUnit}` : `${large}${thin}${largeUnit} ${small}${thin}${smallUnit}`
}

function pickUnit(value: number, units: [number, string][]): [number, string] {
  return units.find(([scale]) => Math.abs(value) >= scale) ?? units.at(-1)!
}
