import { describe, expect, test } from "vitest"
import { roadmapSteps } from "../../roadmap/steps.ts"
import { fullStudy, inspectionFixture, runFixture, studyFixture } from "../../roadmap/study.fixture.ts"
import type { RoadmapStudy } from "../../roadmap/study.ts"
import { renderRoadmapFigure } from "./figure.ts"
import { renderRoadmapPage } from "./page.ts"
import { formatPoints } from "./rows.ts"

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
      expect(textOf(figure)).toContain(paper.top1.toFixed(2))
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

test("shares from one seed say how uncertain so few images leave them", () => {
  // Of 200 images: shares of 0.75 and 0.875, 2 sqrt(p (1 - p) / n) with a hit and a miss added.
  const page = renderRoadmapPage(seenStudy())
  expect(page).toContain(
    "Shares from one seed are uncertain by ± 4.7 to 6.1 points: two standard errors of so few images",
  )
  const sure = { ...runFixture("resnet", 0, 0.8), inspection: inspectionFixture(1, 16) }
  expect(renderRoadmapPage({ ...studyFixture({}), runs: [sure] })).toContain("uncertain by ± 1.0 points")
  const several = [0, 1].map((seed) => ({ ...sure, seed }))
  expect(renderRoadmapPage({ ...studyFixture({}), runs: several })).not.toContain("Shares from one seed")
})

describe("the figure", () => {
  const regime200 = (top1 = {}) => studyFixture(top1, { settings: { ...fullStudy().settings, regime: 200 } })

  test("has the paper's numbers with their digits, and marks and explains those that seem misprinted", () => {
    const text = textOf(renderRoadmapFigure(studyFixture({}))).replace(/\s+/g, " ")
    for (const numbers of [
      "80.35 ± 0.08 4.10 G ",
      "80.50 ± 0.02 5.27 G ",
      "81.47 ± 0.09 4.46 G* ",
      "81.97 ± 0.06 4.49 G* ",
    ])
      expect(text).toContain(numbers)
    expect(text).toContain(
      "* 15: The paper’s figure seems a misprint: another kind of norm adds no multiply-accumulates",
    )
    expect(text).toContain("* 16: The paper’s figure seems a misprint: the network that was released has 4.456")
    const other = textOf(renderRoadmapFigure(regime200()))
    expect(other).toContain("82.30")
    expect(other).not.toContain("*")
  })

  test("keeps a spread that would reach beyond 0 and 100 % in its panel", () => {
    for (const top1 of [
      [1, 0.9, 1],
      [0.999, 0.9],
      [0, 0.1, 0],
      [1, 0],
    ]) {
      const figure = renderRoadmapFigure(studyFixture({ resnet: top1 }))
      const [, from, to] = /class="spread" d="M([\d.-]+) [\d.]+H([\d.-]+)/.exec(figure)!
      expect(Number(from)).toBeGreaterThanOrEqual(206)
      expect(Number(to)).toBeLessThanOrEqual(430)
      expect(Number(to)).toBeGreaterThan(Number(from))
    }
  })
})

describe("what is said of scale and classes", () => {
  const study = (scale: number, classes: number) => {
    const base = studyFixture({})
    return renderRoadmapPage({ ...base, settings: { ...base.settings, scale }, data: { ...base.data, classes } })
  }

  test("the header calls the ends scaled only where they are", () => {
    expect(study(0.25, 10)).toContain("<dt>ResNet-50, scaled</dt>")
    const full = study(1, 10)
    expect(full).toContain("<dt>ResNet-50</dt>")
    expect(full).toContain("<dt>ConvNeXt-T</dt>")
    expect(full).not.toContain(", scaled")
  })

  test("parameters of what is not trained are for 1,000 classes, which is said where the data has others", () => {
    expect(study(1, 10)).toContain("<dd>25,557,032 at 1,000 classes</dd>")
    expect(study(1, 1000)).toContain("<dd>25,557,032</dd>")
    expect(study(0.25, 1000)).not.toContain("at 1,000 classes")
    expect(study(0.25, 10)).toContain(" at 1,000 classes</dd>")
  })
})

test("the story and the cards have the paper's numbers with their digits", () => {
  const text = textOf(renderRoadmapPage(studyFixture({})))
  expect(text).toContain("from 78.82 to 81.97 % top-1, past Swin-T with 81.30 %")
  expect(text).toContain("80.35\u202f±\u202f0.08\u202f%")
})

test("effects of one seed and of several are told apart, each with its count", () => {
  const study = studyFixture({ resnet: [0.8, 0.7, 0.75], "stage-ratio": [0.82, 0.721, 0.77], patchify: [0.9] })
  const section = textOf(/<section id="effects">[\s\S]*?<\/section>/.exec(renderRoadmapPage(study))![0])
  expect(section).toContain("Of 1 step with several seeds: the mean of the differences between runs of the same seed")
  expect(section).toContain("for these held-out images")
  expect(section).toContain("Of 1 step with one seed: the interval is what 2,000 images leave open at 95 %")
  expect(section).toMatch(/\+2\.0 ± 1\.5, raises it/)
  expect(section).toMatch(/\+8\.0 ± 2\.1, up in one seed/)
  const single = renderRoadmapPage(studyFixture({ resnet: [0.8], "stage-ratio": [0.82] }))
  expect(single).not.toContain("with several seeds:")
})

test("points have a sign unless they are none", () => {
  expect([0.0123, -0.0123, 0.0001, -0.0001].map((value) => formatPoints(value))).toEqual(["+1.2", "−1.2", "0.0", "0.0"])
})
