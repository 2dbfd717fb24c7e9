/** What a study says, in sentences that claim no more than its numbers do. */

import { rankCorrelation } from "../../roadmap/effects.ts"
import type { RoadmapStudy } from "../../roadmap/study.ts"
import { thin } from "../format.ts"
import { plural } from "../sections/section.ts"
import { formatPoints, formatTop1, goalOf, type StepRow, trainedRows } from "./rows.ts"

/** The reading of a study, a paragraph each. */
export function readStudy(study: RoadmapStudy, rows: readonly StepRow[]): string[] {
  const trained = trainedRows(rows)
  if (trained.length === 0) return ["No step has been trained to its end yet."]
  return [
    readEnds(study, rows),
    readEffects(rows),
    readRanks(rows),
    readFailures(study),
    readCoverage(study, rows),
  ].filter((text) => text !== undefined)
}

function readEnds(study: RoadmapStudy, rows: readonly StepRow[]): string | undefined {
  const [first, last] = [rows[0]!.result, rows.at(-1)!.result]
  if (!first || !last) return undefined
  const difference = last.top1 - first.top1
  const paper = (rows.at(-1)!.step.paper.top1 - rows[0]!.step.paper.top1) / 100
  const ends = `The ResNet at the start reaches ${formatTop1(first.top1, first.deviation)}${thin}%, the ConvNeXt at the end ${formatTop1(last.top1, last.deviation)}${thin}%: ${formatPoints(difference)} points, where the paper has ${formatPoints(paper)}.`
  if (difference > 0) return ends
  return `${ends} Here the road leads down. ${goalOf(study)}’s choices were made for large networks, many images and long training; a short training of small networks may favour what learns fast, such as dense convolutions, an overlapping stem and batch statistics. ${readMaps(study)}The steps below show where it is lost.`
}

/** What small images do to large kernels and coarse stems. */
function readMaps({ settings: { imageSize } }: RoadmapStudy): string {
  const sides = [4, 8, 16, 32].map((stride) => Math.floor(imageSize / stride))
  const smaller = sides.filter((side) => side < 7).length
  if (smaller < 2) return ""
  return `The images are small, too: of ${imageSize} pixels, the four stages see maps of ${sides.slice(0, 3).join(", ")} and ${sides[3]} positions a side, so that a kernel of 7 reaches beyond the border everywhere in ${smaller === 4 ? "all" : smaller} of them, and patches of 4 pixels throw away more of what there is. `
}

function readEffects(rows: readonly StepRow[]): string | undefined {
  const effects = rows.flatMap(({ step, effect }) => (effect ? [{ step, effect }] : []))
  if (effects.length === 0) return undefined
  const clear = effects.filter(({ effect }) => effect.verdict !== "unclear")
  const name = ({ step, effect }: (typeof effects)[number]) => `${step.title} (${formatPoints(effect.mean)})`
  const said = clear.length === 0 ? "none" : clear.map(name).join(", ")
  const agree = clear.filter(({ step, effect }) => sameSign(effect.mean, paperEffect(step.id, effect.before, rows)))
  const match = clear.length === 0 ? "" : ` The same way as in the paper: ${agree.length} of ${clear.length}.`
  return `Of ${plural(effects.length, "step")} that can be compared with the network before, ${clear.length === 0 ? "none has" : `${clear.length} ${clear.length === 1 ? "has" : "have"}`} an effect that is larger than its uncertainty: ${said}.${match} Of the others, this study cannot say whether they help or harm.`
}

/** What the paper reports of a step against another, as a share. */
export function paperEffect(step: string, before: string, rows: readonly StepRow[]): number {
  const top1 = (id: string) => rows.find((row) => row.step.id === id)!.step.paper.top1
  return (top1(step) - top1(before)) / 100
}

const sameSign = (a: number, b: number) => Math.sign(a) === Math.sign(b)

function readRanks(rows: readonly StepRow[]): string | undefined {
  const pairs = trainedRows(rows).map(({ result, step }) => [result.top1, step.paper.top1] as const)
  const correlation = rankCorrelation(pairs)
  if (correlation === undefined) return undefined
  const words =
    correlation > 0.7
      ? "largely as in the paper"
      : correlation > 0.3
        ? "only partly as in the paper"
        : correlation > -0.3
          ? "in no relation to the paper"
          : "rather the other way round than in the paper"
  return `The ${pairs.length} networks rank ${words}: Spearman’s correlation of both orders is ${correlation.toFixed(2).replace("-", "\u2212")}, where 1 is the same order and 0 none.`
}

function readFailures({ failures }: RoadmapStudy): string | undefined {
  if (failures.length === 0) return undefined
  const list = failures.map(({ step, seed, message }) => `${step}, seed ${seed} (${message})`).join("; ")
  return `${plural(failures.length, "run")} failed and ${failures.length === 1 ? "is" : "are"} missing: ${list}.`
}

function readCoverage({ data }: RoadmapStudy, rows: readonly StepRow[]): string {
  const trained = trainedRows(rows)
  const counts = trained.map(({ result }) => result.runs.length)
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)]
  const missing = rows.length - trained.length
  const seeds = fewest === most ? plural(most, "seed") : `${fewest} to ${most} seeds`
  const gaps = missing > 0 ? `, ${plural(missing, "step")} still missing` : ""
  const single = `With one seed, nothing shows by how much the seed alone moves a result; what is given as uncertainty is what ${plural(data.val, "image")} leave open.`
  const several =
    "A difference is taken between runs of the same seed, which see the same images in the same order; its interval is that of Student’s t at 95 %, wide for few seeds."
  const comparisons = rows.filter(({ effect }) => effect).length
  const chance =
    comparisons < 10
      ? ""
      : ` Of ${comparisons} steps that do nothing, ${(comparisons / 20).toFixed(1)} would look clear by chance.`
  return `Each step was trained from ${seeds}${gaps}. ${most === 1 ? single : several}${chance}`
}
