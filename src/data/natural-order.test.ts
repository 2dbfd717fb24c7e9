import fc from "fast-check"
import { expect, test } from "vitest"
import { compareNatural, sortNatural } from "./natural-order.ts"

/** timm's key, as it is written there: `[int(s) if s.isdigit() else s for s in re.split(r'(\d+)', string.lower())]`. */
function timmKey(name: string): (string | bigint)[] {
  return name
    .toLowerCase()
    .split(/([0-9]+)/)
    .map((part) => (/^[0-9]+$/.test(part) ? BigInt(part) : part))
}

function comparePython(a: string, b: string): number {
  const x = timmKey(a)
  const y = timmKey(b)
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    if (x[i]! < y[i]!) return -1
    if (x[i]! > y[i]!) return 1
  }
  return x.length - y.length
}

test("names are in the order of timm's natural_key", () => {
  const name = fc.string({ unit: fc.constantFrom("a", "B", "b", "0", "1", "2", "9", "/", ".", " ", "é"), maxLength: 8 })
  fc.assert(
    fc.property(name, name, (a, b) => {
      const expected = Math.sign(comparePython(a, b))
      if (expected !== 0) expect(Math.sign(compareNatural(a, b))).toBe(expected)
      else expect(compareNatural(a, b) === 0).toBe(a === b)
    }),
    { numRuns: 2000 },
  )
})

test("numbers count by value, case does not, and equals are told apart the same way each time", () => {
  const names = ["n10", "n2", "Beta", "alpha", "n02", "N2", "n9", "n1"]
  const expected = ["alpha", "Beta", "n1", "N2", "n02", "n2", "n9", "n10"]
  expect(sortNatural(names, (name) => name)).toEqual(expected)
  expect(sortNatural(names.toReversed(), (name) => name)).toEqual(expected)
  expect([...names].sort(compareNatural)).toEqual(expected)
})

test("text is ordered by code point, as Python does, not by UTF-16 unit", () => {
  expect(compareNatural("\u{1F431}", "\uFF21")).toBeGreaterThan(0)
})
