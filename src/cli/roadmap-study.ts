/** What `convnext roadmap` prints when it ends. */

import { paperTop1 } from "../report/roadmap/paper.ts"
import { meanOf } from "../roadmap/statistics.ts"
import { roadmapSteps } from "../roadmap/steps.ts"
import type { RoadmapResult } from "../run/roadmap/study.ts"
import { shellCommand } from "../run/shell.ts"
import { formatPercent, formatTable } from "./table.ts"

/** The steps with their accuracies, where the figures are, and how to go on. */
export function studySummary({
  settings,
  runs,
  failures,
  folder,
  pagePath,
  figurePath,
  stopped,
}: RoadmapResult): string {
  const rows = roadmapSteps(settings.regime, { scale: settings.scale }).flatMap(({ id, paper }) => {
    const top1 = runs.filter(({ step }) => step === id).map((run) => run.top1)
    if (top1.length === 0) return []
    return [[id, formatPercent(meanOf(top1)), `${top1.length}`, `${paperTop1(paper)}%`]]
  })
  const goOn = shellCommand("npx", "convnext", "roadmap", "--out", folder)
  return [
    ...(rows.length > 0 ? [formatTable(columns, rows), ""] : []),
    ...failures.map(({ step, seed, message }) => `failed  ${step}, seed ${seed}: ${message}`),
    `page    ${pagePath}`,
    `figure  ${figurePath}`,
    ...(stopped === "signal" ? ["", `stopped; go on with the same options, or with\n  ${goOn}`] : []),
  ].join("\n")
}

const columns = [
  { header: "step" },
  { header: "top-1", align: "right" },
  { header: "seeds", align: "right" },
  { header: "paper", align: "right" },
] as const
