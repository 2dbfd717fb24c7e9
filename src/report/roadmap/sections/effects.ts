/** What each step does to the accuracy, and how sure that is. */
import type { StepEffect } from "../../../roadmap/effects.ts"
import type { RoadmapStudy } from "../../../roadmap/study.ts"
import { html, type Markup } from "../../html.ts"
import { plural, section } from "../../sections/section.ts"
import { intervalChart } from "../../svg/interval-chart.ts"
import { paperEffect } from "../reading.ts"
import { formatEffect, formatPoints, type StepRow } from "../rows.ts"

/** What a row says of its interval. One seed shows what the images leave open, and not its own part. */
const verdicts: Readonly<Record<StepEffect["basis"], Readonly<Record<StepEffect["verdict"], string>>>> = {
  seeds: { up: "raises it", down: "lowers it", unclear: "unclear" },
  images: { up: "up in one seed", down: "down in one seed", unclear: "unclear" },
}

export function effects({ data }: RoadmapStudy, rows: readonly StepRow[]): Markup {
  const compared = rows.flatMap(({ number, step, effect }) => (effect ? [{ number, step, effect }] : []))
  const intro = `Points of top-1 against the network that the step changes. ${explainIntervals(
    compared.map(({ effect }) => effect),
    data.val,
  )}Where an interval covers zero, the step may as well have done nothing, or the opposite.`
  if (compared.length === 0)
    return section("effects", "What each step does", intro, "No two steps can be compared yet.")
  const chart = intervalChart({
    label: "Effect of each step on top-1, with its uncertainty, beside the paper's",
    format: (points) => formatPoints(points / 100, 0),
    legend: { estimate: "here, with its interval of 95 %", reference: "in the paper" },
    rows: compared.map(({ number, step, effect }) => ({
      label: `${number} ${step.title}`,
      note: `${formatEffect(effect)}, ${verdicts[effect.basis][effect.verdict]}`,
      estimate: effect.mean * 100,
      halfWidth: effect.halfWidth * 100,
      verdict: effect.verdict,
      reference: paperEffect(step.id, effect.before, rows) * 100,
    })),
  })
  return section("effects", "What each step does", intro, html`<figure class="card scroll wide">${chart}</figure>`)
}

/** What the intervals are made of, of each kind that there is. */
function explainIntervals(effects: readonly StepEffect[], images: number): string {
  const count = (basis: StepEffect["basis"]) => effects.filter((effect) => effect.basis === basis).length
  const [seeds, single] = [count("seeds"), count("images")]
  const several =
    seeds > 0
      ? `Of ${plural(seeds, "step")} with several seeds: the mean of the differences between runs of the same seed, with its interval of 95 % for these held-out images, which is never taken for narrower than counting them allows. `
      : ""
  const one =
    single > 0
      ? `Of ${plural(single, "step")} with one seed: the interval is what ${plural(images, "image")} leave open at 95 %, and what the seed does comes on top. `
      : ""
  return several + one
}
