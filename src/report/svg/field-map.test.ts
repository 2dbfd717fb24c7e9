import { expect, test } from "vitest"
import { fieldMap } from "./field-map.ts"

const draw = (shape: [number, number], data: number[], squares: Parameters<typeof fieldMap>[0]["squares"] = []) =>
  fieldMap({ label: "receptive field", map: { shape, data }, squares }).text

test("strength goes with the square root, and neighbours of one strength are one run", () => {
  const text = draw([2, 4], [0, 1, 1, 0.25, 0, 0, 0, 0])
  expect(text).toContain('<path d="M1 0h2v1H1z" fill-opacity="1"/>')
  expect(text).toContain('<path d="M3 0h1v1H3z" fill-opacity="0.5"/>')
  expect(text.match(/<path/g)).toHaveLength(2)
})

test("squares lie where they are on the image, and those of side 0 are left out", () => {
  const text = draw([4, 4], new Array<number>(16).fill(1), [
    { label: "half", side: 2, top: 1, left: 2 },
    { label: "empty", side: 0, top: 0, left: 0 },
  ])
  expect(text).toContain('<title>half</title><rect x="120" y="60" width="120" height="120"')
  expect(text).not.toContain("empty")
})

test("a large map is drawn by the sums of its blocks", () => {
  const data = new Array<number>(224 * 224).fill(0)
  data[223 * 224 + 223] = 1
  const text = draw([224, 224], data)
  // Blocks of 4 pixels: 56 to a side.
  expect(text).toContain('<path d="M55 55h1v1H55z" fill-opacity="1"/>')
  expect(text.length).toBeLessThan(1000)
})

test("a map of zeros is an empty frame", () => {
  expect(draw([3, 3], new Array<number>(9).fill(0))).not.toMatch(/<path|NaN/)
})
