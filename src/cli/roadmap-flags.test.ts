import { expect, test } from "vitest"
import { checkRoadmapFlags } from "./roadmap-flags.ts"

test.each([
  [{ resolution: true, sizes: "224", threads: 1, device: "cpu" }],
  [{ plan: true, regime: "50", scale: 0.5 }],
  [{ plan: true, measure: true, threads: 1, device: "cpu" }],
  [{ data: "pets", epochs: 3, device: "cpu", plan: false, measure: false }],
])("%j go together", (given) => {
  expect(() => checkRoadmapFlags(given)).not.toThrow()
})

test.each([
  [{ resolution: true, epochs: 3 }, "--resolution trains nothing, so --epochs has no meaning with it"],
  [{ resolution: true, data: "pets" }, "so DATA has no meaning with it"],
  [{ resolution: true, plan: true }, "so --plan has no meaning with it"],
  [{ plan: true, sizes: "224" }, "--sizes belongs to --resolution"],
  [{ plan: true, measure: true, batchSize: 3 }, "--plan trains nothing, so --batch-size has no meaning with it"],
  [{ plan: true, device: "cpu" }, "--plan alone runs no network, so --device has no meaning: add --measure"],
  [{ plan: true, threads: 2 }, "--plan alone runs no network, so --threads has no meaning: add --measure"],
  [{ measure: true }, "--measure belongs to --plan: convnext roadmap --plan --measure"],
])("%j do not", (given, message) => {
  expect(() => checkRoadmapFlags(given)).toThrow(message)
})
