import { describe, expect, test } from "vitest"
import { roadmapSteps } from "../../roadmap/steps.ts"
import { fullStudy, inspectionFixture, runFixture, studyFixture } from "../../roadmap/study.fixture.ts"
import type { RoadmapStudy } from "../../roadmap/study.ts"
import { renderRoadmapFigure } from "./figure.ts"
import { renderRoadmapPage } from "./page.ts"
import { readStudy } from "./reading.ts"
import { formatPoints, stepRows } from "./rows.ts"

/** Fails unless the tags of a document are closed in the order in which they were opened. */
function expectClosed(document: string): void {
  const open: string[] = []
  for (const [, slash, name, attributes] of document
    .replace(/<style>[\s\S]*?<\/style>/g, "")
    .matchAll(/<(\/?)([!\w]+)((?:\s+[\w:-]+(?:="[^"<>]*")?)*\s*\/?)>/g)) {
    if (slash) expect(open.pop()).toBe(name)
    else if (!attributes!.endsWith("/") && !["!doctype", "meta"].includes(name!)) open.push(name!)
  }
  expect(open).toEqual([])
}

const textOf = (page: string) => page.replace(/<style>[\s\S]*?<\/style>/g, "").replace(/<[^>]*>/g, " ")

/** Of two steps, the first from two seeds; of the third nobody has looked at the network. */
function seenStudy(): RoadmapStudy {
  const runs = [
    { ...runFixture("resnet", 0, 0.8), inspection: inspectionFixture(0.9, 16) },
    { ...runFixture("resnet", 1, 0.8), inspection: inspectionFixture(0.8, 12) },
    { ...runFixture("patchify", 0, 0.8), inspection: inspectionFixture(0.75, 20) },
    runFixture("gelu", 0, 0.8),
  ]
  return { ...studyFixture({}), runs }
}

const studies: Record<string, RoadmapStudy> = {
  "all steps from three seeds": fullStudy(),
  "of regime 200": fullStudy({ settings: { ...fullStudy().settings, regime: 200 } }),
  "one seed": studyFixture({ resnet: [0.8], "stage-ratio": [0.82], "separate-downsampling": [0.7] }),
  "one run": studyFixture({ "kernel-9": [0.5] }),
  "nothing yet": studyFixture({}),
  "a run that never learned": studyFixture({ resnet: [0], "stage-ratio": [1] }),
  "networks that were looked at": seenStudy(),
  "a failure": studyFixture({}, { failures: [{ step: "gelu", seed: 1, message: "the loss is <NaN>" }] }),
}

describe.each(Object.entries(studies))("%s", (_, study) => {
  const page = renderRoadmapPage(study)
  const figure = renderRoadmapFigure(study)

  test("is a page with every section that it leads to, and a figure, and all their tags are closed", () => {
    expectClosed(page)
    expectClosed(figure)
    const targets = [...page.matchAll(/href="#(\w+)"/g)].map(([, id]) => id)
    expect(targets).toHaveLength(8)
    for (const id of targets) expect(page).toContain(`<section id="${id}">`)
  })

  test("needs nothing but itself, and no number is none", () => {
    for (const document of [page, figure]) {
      expect(document).not.toMatch(/<script|<link|<img|url\(|@import|src=/)
      expect(document.replace("&lt;NaN&gt;", "")).not.toMatch(/NaN|Infinity|undefined|\[object|>false</)
    }
    expect(page).toContain("pictures &lt;of&gt; clothes")
  })

  test("has every step with the paper's accuracy", () => {
    const text = textOf(page)
    for (const { title, paper } of roadmapSteps(study.settings.regime, { scale: 0.25 })) {
      expect(text).toContain(title)
      expect(textOf(figure)).toContain(paper.top1.toFixed(1))
    }
  })
})

test("a better network has a longer bar, and those of the paper's side branches look different", () => {
  const figure = renderRoadmapFigure(studyFixture({ resnet: [0.8], "stage-ratio": [0.85], "kernel-9": [0.9] }))
  const bars = [...figure.matchAll(/<title>([^:]*): .*?<rect class="([^"]*)" x="206" y="[^"]*" width="([^"]*)"/g)]
  expect(bars.map(([, name, look]) => [name, look])).toEqual([
    ["ResNet", "bar"],
    ["Stage ratio", "bar"],
    ["Kernel 9x9", "bar side"],
  ])
  const widths = bars.map(([, , , width]) => Number(width))
  expect(widths[1]! - widths[0]!).toBeCloseTo(widths[2]! - widths[1]!, 0)
})

test("what networks see is told with its spread over seeds, and mapped for the first", () => {
  const page = renderRoadmapPage(seenStudy())
  const section = /<section id="sight">[\s\S]*?<\/section>/.exec(page)![0]
  const rows = [...section.matchAll(/<tr>.*?<\/tr>/g)].map(([row]) => textOf(row).replace(/\s+/g, " ").trim())
  expect(rows).toEqual([
    "Step Same top-1 under shifts of up to 4 px Unchanged by 1 px 50% within 80% within 99% within",
    "1 ResNet 85.0 ± 7.1% 92.5% 14 px 14 px 14 px",
    "3 Patchify stem 75.0% 87.5% 20 px 20 px 20 px",
  ])
  const maps = [...section.matchAll(/aria-label="([^"]*)"/g)].map(([, label]) => label)
  expect(maps[0]).toBe(
    "Effective receptive field of ResNet, in an image of 32 by 32 pixels: 50%: 16 px, 80%: 16 px, 99%: 16 px",
  )
  expect(maps).toHaveLength(2)
  expect(renderRoadmapPage(studyFixture({ resnet: [0.8] }))).toContain("No network has been looked at yet.")
})

test("the blocks show what a step changes: 3x3 among all channels becomes depthwise", () => {
  const page = renderRoadmapPage(studyFixture({}))
  const article = /<article[^>]*id="depthwise">[\s\S]*?<\/article>/.exec(page)![0]
  const changed = [...article.matchAll(/class="box \S+ changed"[^>]*\/><text[^>]*>([^<]*)/g)].map(([, text]) => text)
  expect(changed).toEqual(["3×3, 64 → 64", "depthwise 3×3, 64"])
  expect(article).toContain("Before: Patchify stem")
})

describe("the reading", () => {
  const read = (study: RoadmapStudy) => readStudy(study, stepRows(study)).join("\n")

  test("says how far the road led, and in which order the networks rank", () => {
    const text = read(fullStudy())
    expect(text).toContain("+7.5 points, where the paper has +3.2")
    expect(text).toContain("The 16 networks rank largely as in the paper")
    expect(text).not.toContain("leads down")
  })

  test("claims no effect that its uncertainty covers", () => {
    const text = read(studyFixture({ resnet: [0.8, 0.7, 0.75], "stage-ratio": [0.81, 0.69, 0.77] }))
    expect(text).toContain("Of 1 step that can be compared with the network before, none has an effect")
    const clear = read(studyFixture({ resnet: [0.8, 0.7, 0.75], "stage-ratio": [0.82, 0.721, 0.77] }))
    expect(clear).toContain("1 has an effect that is larger than its uncertainty: Stage ratio (+2.0)")
  })

  test("says of a single seed that it shows no spread", () => {
    expect(read(studyFixture({ resnet: [0.8] }))).toContain("With one seed, nothing shows by how much the seed alone")
  })
})

test("points have a sign unless they are none", () => {
  expect([0.0123, -0.0123, 0.0001, -0.0001].map((value) => formatPoints(value))).toEqual(["+1.2", "−1.2", "0.0", "0.0"])
})
