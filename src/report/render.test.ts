import { createHash } from "node:crypto"
import { describe, expect, test } from "vitest"
import { UsageError } from "../tensor/errors.ts"
import { reportFixture } from "./render.fixture.ts"
import { renderReport } from "./render.ts"
import { script, scriptHash } from "./script.ts"

const voidElements = new Set(["!doctype", "meta", "img", "br", "hr"])

/** The opening tags of a page. Fails if they are not closed in the order in which they were opened. */
function openingTags(page: string): string[] {
  const open: string[] = []
  const tags: string[] = []
  const content = page.replace(/(<(script|style)>)[\s\S]*?(<\/\2>)/g, "$1$3")
  for (const [tag, slash, name, selfClosed] of content.matchAll(
    /<(\/?)([!\w]+)(?:\s+[\w:-]+(?:="[^"<>]*")?)*\s*(\/?)>/g,
  )) {
    if (slash) expect(open.pop()).toBe(name)
    else {
      tags.push(tag)
      if (!selfClosed && !voidElements.has(name!)) open.push(name!)
    }
  }
  expect(open).toEqual([])
  expect(content.match(/</g)).toHaveLength([...content.matchAll(/<\/?[!\w]+[^<>]*>/g)].length)
  return tags
}

/** What is read on the page. */
const textOf = (page: string) => page.replace(/<(script|style)>[\s\S]*?<\/\1>/g, "").replace(/<[^>]*>/g, " ")

describe.each([
  [37, 30],
  [10, 12],
  [2, 1],
  [100, 300],
])("a run of %i classes and %i epochs", (classes, epochs) => {
  const data = reportFixture(classes, epochs)
  const page = renderReport(data)

  test("is a page whose tags are closed, with every section that the navigation leads to", () => {
    const tags = openingTags(page)
    const targets = [...page.matchAll(/href="#(\w+)"/g)].map(([, id]) => id)
    expect(targets).toHaveLength(9)
    for (const id of targets) expect(tags).toContain(`<section id="${id}">`)
  })

  test("makes no request and needs no script", () => {
    for (const [, url] of page.matchAll(/(?:src|href)="([^"]*)"/g)) expect(url).toMatch(/^(#|data:image\/)/)
    expect(page).not.toMatch(/url\(|@import|<link|<iframe/)
    expect(page.match(/<script/g)).toHaveLength(1)
  })

  test("shows every class, mistake, layer and command, and nothing that is not a number", () => {
    const text = textOf(page)
    for (const name of data.data.classes) expect(text).toContain(name)
    for (const { name } of data.model.layers) expect(text).toContain(` ${name} `)
    for (const { command } of data.commands) expect(text).toContain(command)
    expect(page.match(/<img /g)).toHaveLength(data.mistakes.length + data.augmented.length)
    expect(text).not.toMatch(/NaN|Infinity|undefined|\[object/)
  })
})

test("the policy allows the page's own script, by its hash", () => {
  expect(scriptHash).toBe(createHash("sha256").update(script).digest("base64"))
  expect(renderReport(reportFixture(2, 1))).toContain(`script-src &#39;sha256-${scriptHash}&#39;`)
})

test("class names, file names and settings are text, whatever they contain", () => {
  const hostile = `"><img src=x onerror=alert(1)></td></script><script>alert('&amp;')</script>`
  const data = reportFixture(3, 2)
  const honest = openingTags(renderReport(data))
  data.title = data.command = data.model.name = data.data.description = hostile
  data.data.classes = data.data.classes.map(() => hostile)
  data.data.warnings = [hostile]
  data.data.skipped = data.data.skipped.map(() => ({ source: hostile, reason: hostile }))
  data.evaluation.perClass = data.evaluation.perClass.map((scores) => ({ ...scores, name: hostile }))
  data.mistakes = data.mistakes.map((mistake) => ({ ...mistake, source: hostile, label: hostile, predicted: hostile }))
  data.augmented = data.augmented.map(({ image }) => ({ image, label: hostile }))
  data.model.layers = data.model.layers.map((layer) => ({ ...layer, type: hostile }))
  data.config = { ...data.config, model: hostile }
  data.runtime = { ...data.runtime, device: hostile, machine: hostile }
  data.commands = data.commands.map(() => ({ title: hostile, command: hostile }))
  const page = renderReport(data)
  const names = (tags: string[]) => tags.map((tag) => /\w+/.exec(tag)![0])
  expect(names(openingTags(page))).toEqual(names(honest))
  expect(page).not.toContain("<img src=x")
})

test("a run that was stopped before its first epoch still has a report", () => {
  const data = reportFixture(3, 1)
  const nothing = { loss: Number.NaN, top1: Number.NaN, top5: Number.NaN, count: 0 }
  const perClass = data.evaluation.perClass.map(({ name }) => ({
    name,
    precision: Number.NaN,
    recall: Number.NaN,
    f1: Number.NaN,
    support: 0,
  }))
  const confusion = data.data.classes.map(() => data.data.classes.map(() => 0))
  const page = renderReport({
    ...data,
    epochs: [],
    evaluation: { ...nothing, confusion, perClass },
    mistakes: [],
    augmented: [],
    model: { ...data.model, layers: [] },
    data: { ...data.data, skipped: [], warnings: [] },
    commands: [],
    config: {},
  })
  openingTags(page)
  expect(textOf(page)).not.toMatch(/NaN|Infinity|undefined/)
})

test("a class without validation images has a dash, and comes after those that are hard", () => {
  const data = reportFixture(3, 1)
  const [first] = data.evaluation.perClass
  const scores = { precision: Number.NaN, recall: Number.NaN, f1: Number.NaN, support: 0 }
  data.evaluation.perClass[0] = { ...first!, name: "unseen", ...scores }
  const rows = [...renderReport(data).matchAll(/<tr><td>([^<]*)<\/td><td class="score">.*<\/tr>/g)]
  expect(rows.map(([, name]) => name).indexOf("unseen")).toBe(2)
  expect(textOf(rows[2]![0]).match(/–/g)).toHaveLength(3)
})

test("with more classes than a screen has room for, the confusions are a list", () => {
  const page = renderReport(reportFixture(250, 2))
  expect(page).not.toContain('class="heat')
  expect(textOf(page)).toContain("Most frequent confusions")
})

test("the configuration is laid out as in YAML", () => {
  const data = reportFixture(2, 1)
  data.config = {
    lr: 1e-3,
    betas: [0.9, 0.999],
    ema: null,
    name: "true story",
    empty: "",
    number: "12",
    list: [{ a: 1 }],
  }
  const page = renderReport(data)
  const rows = [...page.matchAll(/<tr><th style="--depth:(\d)">([^<]*)<\/th><td>([^<]*)<\/td><\/tr>/g)]
  expect(rows.map(([, depth, key, value]) => `${"  ".repeat(Number(depth))}${key} ${value}`)).toEqual([
    "lr 0.001",
    "betas [0.9, 0.999]",
    "ema null",
    "name true story",
    "empty &quot;&quot;",
    "number &quot;12&quot;",
    "list ",
    "  - ",
    "    a 1",
  ])
})

test("an image that is not in the page itself is refused", () => {
  const data = reportFixture(2, 1)
  data.mistakes[0]!.image = "https://example.com/cat.jpg"
  expect(() => renderReport(data)).toThrow(UsageError)
})
