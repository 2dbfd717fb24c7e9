/** The page of a study: one HTML file that needs nothing but itself, and no script. */

import type { RoadmapStudy } from "../../roadmap/study.ts"
import { formatDuration, formatPercent } from "../format.ts"
import { html, Markup } from "../html.ts"
import { facts, plural, section } from "../sections/section.ts"
import { styles } from "../styles.ts"
import { roadmapFigure } from "./figure.ts"
import { goalOf, type StepRow, startOf, stepRows, trainedRows } from "./rows.ts"
import { curves } from "./sections/curves.ts"
import { effects } from "./sections/effects.ts"
import { sight } from "./sections/sight.ts"
import { steps } from "./sections/steps.ts"
import { story } from "./sections/story.ts"
import { tradeoffs } from "./sections/tradeoffs.ts"
import { pageStyles } from "./styles.ts"

/** No request leaves the page, and no script runs. */
const policy = "default-src 'none'; style-src 'unsafe-inline'"

const navigation: readonly (readonly [id: string, name: string])[] = [
  ["story", "Story"],
  ["figure", "Figure"],
  ["effects", "Effects"],
  ["costs", "Costs"],
  ["curves", "Curves"],
  ["sight", "Sight"],
  ["steps", "Steps"],
  ["settings", "How it was made"],
]

/** Renders a study, however far it has come, as a self-contained HTML page. */
export function renderRoadmapPage(study: RoadmapStudy): string {
  const rows = stepRows(study)
  return html`${new Markup("<!doctype html>")}
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="color-scheme" content="light dark">
<title>From ResNet to ConvNeXt</title>
<style>${new Markup(styles + pageStyles)}</style>
</head>
<body>
${header(study, rows)}
<nav>${navigation.map(([id, name]) => html`<a href="#${id}">${name}</a>`)}</nav>
<main>
${story(study, rows)}${figure(study)}${effects(study, rows)}${tradeoffs(rows)}${curves(rows)}${sight(rows)}${steps(study, rows)}${settings(study)}</main>
</body>
</html>
`.text
}

function header(study: RoadmapStudy, rows: readonly StepRow[]): Markup {
  const { data, runs, settings, version } = study
  const [first, last] = [rows[0]!.result, rows.at(-1)!.result]
  const best = trainedRows(rows).reduce<(typeof rows)[number] | undefined>(
    (top, row) => (top?.result && top.result.top1 >= row.result.top1 ? top : row),
    undefined,
  )
  const scaled = settings.scale === 1 ? "" : ", scaled"
  const figures: [string, string, string][] = [
    [`${startOf(study)}${scaled}`, first ? formatPercent(first.top1) : "–", "top-1, where the road begins"],
    [`${goalOf(study)}${scaled}`, last ? formatPercent(last.top1) : "–", "top-1, where it ends"],
    ["Best", best?.result ? formatPercent(best.result.top1) : "–", best ? best.step.title : "nothing is trained yet"],
    ["Trained", plural(runs.length, "run"), formatDuration(runs.reduce((sum, { seconds }) => sum + seconds, 0))],
  ]
  return html`<header>
<p class="eyebrow">Roadmap study</p>
<h1>From ResNet to ConvNeXt, step by step</h1>
<p class="meta">${data.description} · convnext ${version}</p>
<dl class="figures">
${figures.map(
  ([name, value, note]) => html`<div><dt>${name}</dt><dd>${value}</dd><dd class="note">${note}</dd></div>
`,
)}</dl>
</header>
`
}

const figure = (study: RoadmapStudy): Markup =>
  section(
    "figure",
    "The road, here and in the paper",
    "As figure 2 of the paper. Bars begin where the axis does, not at zero: compare their ends. Diamonds are the multiply-accumulates of one image, which the paper calls FLOPs.",
    html`<figure class="card scroll wide">${roadmapFigure(study)}</figure>`,
  )

function settings({ settings, data, machine }: RoadmapStudy): Markup {
  const { regime, scale, imageSize, recipe, epochs, batchSize, lr } = settings
  return section(
    "settings",
    "How it was made",
    "The same for all steps: images, their order, recipe, and the draws of each seed.",
    facts([
      ["Regime", regime],
      ["Scale of widths and depths", scale],
      ["Image size", `${imageSize} × ${imageSize}`],
      ["Images", `${data.train.toLocaleString("en-US")} + ${data.val.toLocaleString("en-US")} to measure on`],
      ["Recipe", recipe],
      ["Epochs", epochs],
      ["Batch size", batchSize],
      ["Learning rate", lr],
      ["Machine", machine],
    ]),
  )
}
