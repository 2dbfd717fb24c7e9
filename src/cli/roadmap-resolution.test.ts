import { expect, test } from "vitest"
import { resolutionText, runResolution } from "./roadmap-resolution.ts"

const row = {
  model: "convnext_tiny",
  size: 224,
  macs: 4.455e9,
  activationBytes: 2 ** 27,
  milliseconds: 120,
  peakBytes: 2 ** 29,
}

test("the table has a line for each measurement, the power since the size before, and what was skipped", () => {
  const lines = resolutionText({
    cpu: "a processor",
    threads: 2,
    device: "cpu",
    rows: [
      row,
      { ...row, size: 448, macs: 4 * row.macs, milliseconds: 481.25 },
      { ...row, model: "vit_small_patch16_224" },
    ],
    skipped: [{ model: "vit_small_patch16_224", size: 448, reason: "needs about 9.0 GiB, and 4.0 GiB may be used" }],
  }).split("\n")
  const cells = (line: string) => line.split(/ {2,}/)
  expect(lines[0]).toBe("One image at a time on cpu, 2 threads: a processor")
  expect(cells(lines[2]!)).toEqual(["model", "pixels", "GMACs", "power", "activations", "inference", "memory"])
  expect(cells(lines[3]!)).toEqual(["convnext_tiny", "224", "4.455", "128 MiB", "120.0 ms", "512 MiB"])
  expect(cells(lines[4]!)).toEqual(["convnext_tiny", "448", "17.820", "1.00", "128 MiB", "481.3 ms", "512 MiB"])
  expect(cells(lines[5]!)[3]).toBe("128 MiB")
  expect(lines.at(-1)).toBe(
    "not measured: vit_small_patch16_224 at 448 pixels, needs about 9.0 GiB, and 4.0 GiB may be used",
  )
})

test("sizes that are none are refused before anything is measured", async () => {
  const notes: string[] = []
  const note = (line: string) => notes.push(line)
  await expect(runResolution({ sizes: "224,big" }, note)).rejects.toThrow("--sizes must be whole numbers of pixels")
  await expect(runResolution({ models: "convnext_tinny" }, note)).rejects.toThrow("did you mean convnext_tiny?")
  expect(notes).toEqual([])
})
