/** What the road is about, and what came out here: for those who never read the paper. */
import { roadmapSteps } from "../../../roadmap/steps.ts"
import type { RoadmapStudy } from "../../../roadmap/study.ts"
import { formatInteger } from "../../format.ts"
import { html, type Markup } from "../../html.ts"
import { plural, section } from "../../sections/section.ts"
import { paperTop1 } from "../paper.ts"
import { readStudy } from "../reading.ts"
import { goalOf, type StepRow, startOf, swinOf } from "../rows.ts"

export function story(study: RoadmapStudy, rows: readonly StepRow[]): Markup {
  const { settings, data } = study
  const steps = roadmapSteps(settings.regime)
  const [first, last] = [steps[0]!, steps.at(-1)!]
  const swin = swinOf(study)
  return section(
    "story",
    "The story",
    "Liu et al. 2022, “A ConvNet for the 2020s” (arXiv 2201.03545), section 2.",
    html`<div class="prose">
<p>Around 2020, transformers overtook convolutional networks in recognising images. Was it attention that made the difference, or everything else that had been changed along the way? The paper takes a ${startOf(study)}, trains it as transformers are trained, and then turns it, one design choice of the Swin transformer at a time, into a network that has no attention and yet is as good: ${goalOf(study)}. On ImageNet it went from ${paperTop1(first.paper)} to ${paperTop1(last.paper)} % top-1, past ${swin.title} with ${paperTop1(swin.paper)} %.</p>
<p>This page walks the same road with networks whose widths and depths are ${settings.scale === 1 ? "those of the paper" : `${settings.scale} of the paper’s`}, on ${plural(data.train, "image")} of ${settings.imageSize} pixels in ${data.classes} classes, for ${plural(settings.epochs, "epoch")}; the paper used 1,281,167 images of 224 pixels in 1,000 classes, for 300 epochs. So it answers another question than the paper: which of these choices matter here? Accuracies are those after the last epoch on ${formatInteger(data.val)} images that no network learned from.</p>
</div>
<h3>What came out here</h3>
<div class="prose">
${readStudy(study, rows).map(
  (sentence) => html`<p>${sentence}</p>
`,
)}</div>`,
  )
}
