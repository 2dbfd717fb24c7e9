import { expect, test } from "vitest"
import { roadmapReferences, roadmapSteps } from "../../roadmap/steps.ts"
import { formatPaperTop1, misprintMark, misprintNote, paperGflops, paperTop1 } from "./paper.ts"

const networks = ([50, 200] as const).flatMap((regime) => [...roadmapSteps(regime), ...roadmapReferences(regime)])
const find = (model: string) => networks.find((network) => network.model === model)!.paper

test("the paper's numbers are written with the digits of its tables", () => {
  expect(formatPaperTop1(find("roadmap/50/kernel-5"))).toBe("80.35\u202f±\u202f0.08")
  expect(formatPaperTop1(find("roadmap/50/width"))).toBe("80.50\u202f±\u202f0.02")
  expect(formatPaperTop1(find("roadmap/200/kernel-7"))).toBe("82.30")
  expect(paperGflops(find("roadmap/50/kernel-5"))).toBe("4.10")
  expect(paperTop1(find("swin_tiny_patch4_window7_224"))).toBe("81.30")
  expect(paperGflops(find("swin_tiny_patch4_window7_224"))).toBe("4.50")
  // Table 2 has one.
  expect(paperTop1(find("vit_small_patch16_224"))).toBe("79.8")
  expect(paperGflops(find("vit_base_patch16_224"))).toBe("17.6")
})

test("every network's numbers are those that it has", () => {
  for (const { paper } of networks) {
    expect(Number(paperTop1(paper))).toBe(paper.top1)
    expect(Number(paperGflops(paper))).toBe(paper.gflops)
  }
})

test("misprints have a mark and a note, and nothing else has", () => {
  const marked = networks.filter(({ paper }) => misprintMark(paper) !== "").map(({ model }) => model)
  expect(marked).toEqual(["roadmap/50/layer-norm", "roadmap/50/separate-downsampling"])
  expect(misprintNote(find("roadmap/50/layer-norm"))).toMatch(/^\* The paper’s figure seems a misprint: .*4\.15.*\.$/)
  expect(misprintNote(find("roadmap/50/gelu"))).toBeUndefined()
})
