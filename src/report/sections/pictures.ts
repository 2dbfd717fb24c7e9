/** The worst mistakes, and training images as the model saw them. */
import { UsageError } from "../../tensor/errors.ts"
import type { DataUri, Mistake, ReportData } from "../data.ts"
import { formatPercent } from "../format.ts"
import { type Content, html, type Markup } from "../html.ts"
import { section } from "./section.ts"

export function mistakes({ mistakes, evaluation }: ReportData): Markup {
  if (mistakes.length === 0) {
    const none = evaluation.top1 === 1 ? "Every validation image was classified correctly." : "No images were kept."
    return section("mistakes", "Worst mistakes", none, undefined)
  }
  const intro =
    "The validation images that the model got wrong with the most confidence. Look for wrong labels among them."
  return section("mistakes", "Worst mistakes", intro, html`<div class="pictures">${mistakes.map(mistakeFigure)}</div>`)
}

function mistakeFigure({ image, source, label, predicted, probability }: Mistake): Markup {
  return html`<figure>${picture(image, `${label}, taken for ${predicted}`)}
<figcaption><span class="wrong"><b>${predicted}</b> ${formatPercent(probability, 0)}</span><span>true: <b>${label}</b></span><span class="source" title="${source}">${source.split(/[\\/]/).at(-1)}</span></figcaption></figure>
`
}

/** Samples of augmented training images; nothing if none were kept. */
export function augmented({ augmented }: ReportData): Content {
  if (augmented.length === 0) return undefined
  const figures = augmented.map(
    ({ image, label }) => html`<figure>${picture(image, label)}<figcaption><span>${label}</span></figcaption></figure>
`,
  )
  return html`<h3>Training images as the model saw them</h3>
<div class="pictures small">${figures}</div>`
}

/** Throws a UsageError unless the image is in the page itself: a report makes no request. */
function picture(image: DataUri, alt: string): Markup {
  if (!/^data:image\/[a-z+]+[;,]/.test(image)) {
    throw new UsageError(`renderReport: an image must be a data:image/ URI, got ${JSON.stringify(image.slice(0, 60))}`)
  }
  return html`<img src="${image}" alt="${alt}">`
}
