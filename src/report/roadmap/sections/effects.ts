/** What each step does to the accuracy, and how sure that is. */
import type { RoadmapStudy } from "../../../roadmap/study.ts"
import { html, type Markup } from "../../html.ts"
import { section } from "../../sections/section.ts"
import { intervalChart } from "../../svg/interval-chart.ts"
import { paperEffect } from "../reading.ts"
import { formatPoints, type StepRow } from "../rows.ts"

const verdicts = { up: "raises it", down: "lowers it", unclear: "unclear" } as const

export function effects({ data }: RoadmapStudy, rows: readonly StepRow[]): Markup {
  const compared = rows.flatMap(({ number, step, effect }) => (effect ? [{ number, step, effect }] : []))
  const single = compared.some(({ effect }) => effect.basis === "images")
  const intro = `Points of top-1 against the network that the step changes: ${
    single
      ? `where there is one seed, the interval is what ${data.val.toLocaleString("en-US")} images leave open at 95 %, and what the seed does comes on top`
      : "the mean of the differences between runs of the same seed, with its interval of 95 %"
  }. Where it covers zero, the step may as well have done nothing, or the opposite.`
  if (compared.length === 0)
    return section("effects", "What each step does", intro, "No two steps can be compared yet.")
  const chart = intervalChart({
    label: "Effect of each step on top-1, with its uncertainty, beside the paper's",
    format: (points) => formatPoints(points / 100, 0),
    legend: { estimate: "here, with its interval of 95 %", reference: "in the paper" },
    rows: compared.map(({ number, step, effect }) => ({
      label: `${number} ${step.title}`,
      note: `${formatPoints(effect.mean)} ± ${(effect.halfWidth * 100).toFixed(1)}, ${verdicts[effect.verdict]}`,
      estimate: effect.mean * 100,
      halfWidth: effect.halfWidth * 100,
      reference: paperEffect(step.id, effect.before, rows) * 100,
    })),
  })
  return section("effects", "What each step does", intro, html`<figure class="card scroll wide">${chart}</figure>`)
}
