import { expect, test } from "vitest"
import { formatCount, formatDuration, formatPercent, formatTable } from "./table.ts"

test("columns are as wide as their longest cell, without trailing spaces", () => {
  const table = formatTable(
    [{ header: "model" }, { header: "parameters", align: "right" }, { header: "note" }],
    [
      ["convnext_tiny", "28.6M", ""],
      ["a", "1", "small"],
    ],
  )
  expect(table.split("\n")).toEqual([
    "model          parameters  note",
    "convnext_tiny       28.6M",
    "a                       1  small",
  ])
  expect(formatTable([{ header: "empty" }], [])).toBe("empty")
})

test("counts, shares and durations are short, and in ASCII", () => {
  const counts = [0, 999, 1000, 28_589_128, 999_950, 4_456_000_000]
  expect(counts.map(formatCount)).toEqual(["0", "999", "1.00k", "28.6M", "1.00M", "4.46G"])
  expect([0.8206, 1, Number.NaN].map(formatPercent)).toEqual(["82.1%", "100.0%", "-"])
  expect([7.6, 59.6, 200, 7500].map(formatDuration)).toEqual(["7.6 s", "59.6 s", "3 min 20 s", "2 h 5 min"])
})
