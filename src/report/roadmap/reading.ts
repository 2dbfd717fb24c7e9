/** What a study says, in sentences that claim no more than its numbers do. */

import { effectBetween, type StepEffect } from "../../roadmap/effects.ts"
import { criticalRankCorrelation, rankCorrelation } from "../../roadmap/statistics.ts"
import type { RoadmapStep } from "../../roadmap/steps.ts"
import type { RoadmapStudy } from "../../roadmap/study.ts"
import { thin } from "../format.ts"
import { plural } from "../sections/section.ts"
import { formatEffect, formatPoints, formatTop1, goalOf, type StepRow, trainedRows } from "./rows.ts"

/** The reading of a study, a paragraph each. */
export function readStudy(study: RoadmapStudy, rows: readonly StepRow[]): string[] {
  const trained = trainedRows(rows)
  if (trained.length === 0) return ["No step has been trained to its end yet."]
  return [
    readEnds(study, rows),
    readEffects(study, rows),
    readRanks(rows),
    readFailures(study),
    readCoverage(study, rows),
  ].filter((text) => text !== undefined)
}

function readEnds(study: RoadmapStudy, rows: readonly StepRow[]): string | undefined {
  const [start, end] = [rows[0]!, rows.at(-1)!]
  const [first, last] = [start.result, end.result]
  if (!first || !last) return undefined
  const ends = `The ResNet at the start reaches ${formatTop1(first.top1, first.deviation)}${thin}%, the ConvNeXt at the end ${formatTop1(last.top1, last.deviation)}${thin}%`
  const paper = `the paper has ${formatPoints(paperEffect(end.step.id, start.step.id, rows), 2)}`
  const effect = endsEffect(study, rows)
  if (!effect)
    return `${ends}, from seeds that they do not share: nothing can be said of their difference, where ${paper} points.`
  const found = `${ends}: ${formatEffect(effect)} points ${pairedBy(effect)}, where ${paper}.`
  const caution = effect.basis === "images" ? ` ${cautionOfOneSeed(study)}` : ""
  switch (effect.verdict) {
    case "unclear":
      return `${found} This study cannot tell the two ends apart.`
    case "up":
      return `${found} Here, too, the road leads up.${caution}`
    case "down":
      return `${found} Here the road leads down.${caution} ${goalOf(study)}’s choices were made for large networks, many images and long training; a short training of small networks may favour what learns fast, such as dense convolutions, an overlapping stem and batch statistics. ${readMaps(study)}The steps below show where it is lost.`
  }
}

/** The effect of the whole road. */
const endsEffect = (study: RoadmapStudy, rows: readonly StepRow[]) =>
  effectBetween(rows[0]!.step.id, rows.at(-1)!.step.id, study)

/** Which runs a difference is taken between. */
const pairedBy = ({ differences }: StepEffect) =>
  differences.length === 1
    ? "between runs of the one seed that they share"
    : `between runs of the same seed, on average over ${differences.length}`

/** What a clear difference from one seed does not say. */
const cautionOfOneSeed = ({ data }: RoadmapStudy) =>
  `That is more than ${plural(data.val, "image")} leave open, but it is from one seed, and by how much the seed alone moves it is unknown.`

/** What small images do to large kernels and coarse stems. */
function readMaps({ settings: { imageSize } }: RoadmapStudy): string {
  const sides = [4, 8, 16, 32].map((stride) => Math.floor(imageSize / stride))
  const smaller = sides.filter((side) => side < 7).length
  if (smaller < 2) return ""
  return `The images are small, too: of ${imageSize} pixels, the four stages see maps of ${sides.slice(0, 3).join(", ")} and ${sides[3]} positions a side, so that a kernel of 7 reaches beyond the border everywhere in ${smaller === 4 ? "all" : smaller} of them, and patches of 4 pixels throw away more of what there is. `
}

interface ComparedRow {
  step: RoadmapStep
  effect: StepEffect
}

function comparedRows(rows: readonly StepRow[], basis?: StepEffect["basis"]): ComparedRow[] {
  const compared = rows.flatMap(({ step, effect }) => (effect ? [{ step, effect }] : []))
  return basis === undefined ? compared : compared.filter(({ effect }) => effect.basis === basis)
}

function readEffects(study: RoadmapStudy, rows: readonly StepRow[]): string | undefined {
  const compared = comparedRows(rows)
  if (compared.length === 0) return undefined
  const clear = compared.filter(({ effect }) => effect.verdict !== "unclear")
  const agree = clear.filter(({ step, effect }) => sameSign(effect.mean, paperEffect(step.id, effect.before, rows)))
  const match = clear.length === 0 ? "" : ` The same way as in the paper: ${agree.length} of ${clear.length}.`
  const others =
    clear.length === compared.length ? "" : " Of the others, this study cannot say whether they help or harm."
  return `${readSeveralSeeds(rows)}${readOneSeed(study, rows)}${match}${others}`.trim()
}

const list = (rows: readonly ComparedRow[]) =>
  rows.map(({ step, effect }) => `${step.title} (${formatPoints(effect.mean)})`).join(", ")

const compareWords = (count: number) => `${plural(count, "step")} that can be compared with the network before`

function readSeveralSeeds(rows: readonly StepRow[]): string {
  const compared = comparedRows(rows, "seeds")
  if (compared.length === 0) return ""
  const kind = comparedRows(rows, "images").length > 0 ? " over several seeds" : ""
  const clear = compared.filter(({ effect }) => effect.verdict !== "unclear")
  const found = clear.length === 0 ? "none has" : `${clear.length} ${clear.length === 1 ? "has" : "have"}`
  return `Of ${compareWords(compared.length)}${kind}, ${found} an effect that is larger than its uncertainty${clear.length === 0 ? "." : `: ${list(clear)}.`}`
}

function readOneSeed(study: RoadmapStudy, rows: readonly StepRow[]): string {
  const compared = comparedRows(rows, "images")
  if (compared.length === 0) return ""
  const clear = compared.filter(({ effect }) => effect.verdict !== "unclear")
  const found = clear.length === 0 ? "none moves" : `${clear.length} ${clear.length === 1 ? "moves" : "move"}`
  const unknown = clear.length === 0 ? "." : `: ${list(clear)}. By how much the seed alone moves these is unknown.`
  return ` Of ${compareWords(compared.length)} from one seed, ${found} the accuracy by more than ${plural(study.data.val, "image")} leave open${unknown}`
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
  const critical = criticalRankCorrelation(pairs.length)
  if (critical === undefined)
    return `${pairs.length} networks are too few to say whether they rank as in the paper: chance alone orders so few the same way too often.`
  const number = (value: number) => value.toFixed(2).replace("-", "\u2212")
  const measured = `Spearman’s correlation of both orders is ${number(correlation)}, where 1 is the same order and 0 none`
  const chance = `${number(critical)} either way is what chance reaches one time in twenty`
  if (Math.abs(correlation) < critical - ROUNDING)
    return `Whether the ${pairs.length} networks rank as in the paper, this study cannot say: ${measured}, and ${chance}.`
  const words =
    correlation < 0
      ? "rather the other way round than in the paper"
      : correlation > 0.7
        ? "largely as in the paper"
        : "partly as in the paper"
  return `The ${pairs.length} networks rank ${words}: ${measured}; ${chance}.`
}

/** Of a correlation that is computed, against a critical value of three digits. */
const ROUNDING = 0.0005

function readFailures({ failures }: RoadmapStudy): string | undefined {
  if (failures.length === 0) return undefined
  const list = failures.map(({ step, seed, message }) => `${step}, seed ${seed} (${message})`).join("; ")
  return `${plural(failures.length, "run")} failed and ${failures.length === 1 ? "is" : "are"} missing: ${list}.`
}

function readCoverage(study: RoadmapStudy, rows: readonly StepRow[]): string {
  const trained = trainedRows(rows)
  const counts = trained.map(({ result }) => result.runs.length)
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)]
  const missing = rows.length - trained.length
  const seeds = fewest === most ? plural(most, "seed") : `${fewest} to ${most} seeds`
  const gaps = missing > 0 ? `, ${plural(missing, "step")} still missing` : ""
  const effects = [...rows.map(({ effect }) => effect), endsEffect(study, rows)]
  const has = (basis: StepEffect["basis"]) => effects.some((effect) => effect?.basis === basis)
  return [
    `Each step was trained from ${seeds}${gaps}.`,
    ...(most === 1 || has("images") ? [singleWords(study.data.val)] : []),
    ...(has("seeds") ? [severalWords] : []),
    ...readChance(rows),
  ].join(" ")
}

const singleWords = (images: number) =>
  `With one seed, nothing shows by how much the seed alone moves a result; what is given as uncertainty is what ${plural(images, "image")} leave open.`

const severalWords =
  "With several seeds, a difference is taken between runs of the same seed, which see the same images in the same order; its interval is that of Student’s t at 95 %, wide for few seeds, and never narrower than counting the images allows. It is for these held-out images: others may move it further."

/** Only where all intervals have the seeds in them: a single seed may look clear more often than that. */
function readChance(rows: readonly StepRow[]): string[] {
  const effects = comparedRows(rows)
  if (effects.length < 10 || effects.some(({ effect }) => effect.basis !== "seeds")) return []
  return [
    `Of ${effects.length} steps that do nothing, ${(effects.length / 20).toFixed(1)} at most would look clear by chance.`,
  ]
}
