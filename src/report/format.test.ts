import { expect, test } from "vitest"
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatInteger,
  formatNumber,
  formatPercent,
  formatShare,
} from "./format.ts"

/** The narrow no-break space before a unit, as a plain one. */
const plain = (text: string) => text.replaceAll("\u202f", " ")

test.each([
  [formatPercent(0.93412), "93.4 %"],
  [formatPercent(1, 2), "100.00 %"],
  [formatShare(0.9), "90 %"],
  [formatShare(0.93412), "93.41 %"],
  [formatInteger(28589128), "28,589,128"],
  [formatCount(28589128), "28.6 M"],
  [formatCount(4456000000), "4.46 G"],
  [formatCount(999999), "1.00 M"],
  [formatCount(37), "37"],
  [formatCount(0), "0"],
  [formatBytes(2 ** 31), "2 GiB"],
  [formatBytes(1023 * 2 ** 20), "1023 MiB"],
  [formatBytes(0), "0 B"],
  [formatDuration(8040), "2 h 14 min"],
  [formatDuration(7199.7), "2 h"],
  [formatDuration(3599.9), "1 h"],
  [formatDuration(59.96), "60 s"],
  [formatDuration(91), "1 min 31 s"],
  [formatDuration(1.23), "1.2 s"],
  [formatDuration(90000), "1 d 1 h"],
  [formatNumber(0.00040000000000000002), "0.0004"],
  [formatNumber(1e-9), "1e-9"],
  [formatNumber(Number.NaN), "–"],
  [formatPercent(Number.NaN), "–"],
  [formatCount(Number.POSITIVE_INFINITY), "–"],
])("%s", (formatted, expected) => {
  expect(plain(formatted)).toBe(expected)
})
