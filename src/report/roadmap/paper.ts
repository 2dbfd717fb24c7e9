/** The paper's numbers as its tables have them: with their digits, and a mark where they seem misprinted. */

import type { PaperResult } from "../../roadmap/steps.ts"
import { thin } from "../format.ts"

/** Digits behind the point, by table. */
const decimals: Readonly<Record<string, number>> = { "table 2": 1, "table 10": 2, "table 11": 2 }

const asPrinted = (value: number, { source }: PaperResult) => value.toFixed(decimals[source]!)

/** Top-1 in percent: "80.50". */
export const paperTop1 = (paper: PaperResult): string => asPrinted(paper.top1, paper)

/** Its standard deviation over seeds, where the paper has one. */
export const paperDeviation = (paper: PaperResult): string | undefined =>
  paper.top1Deviation === undefined ? undefined : asPrinted(paper.top1Deviation, paper)

/** Both, as `formatTop1` writes those of a study: "80.50 ± 0.02". */
export function formatPaperTop1(paper: PaperResult): string {
  const deviation = paperDeviation(paper)
  return `${paperTop1(paper)}${deviation === undefined ? "" : `${thin}±${thin}${deviation}`}`
}

/** 10^9 multiply-accumulates: "4.10". */
export const paperGflops = (paper: PaperResult): string => asPrinted(paper.gflops, paper)

/** Stands behind a number that {@link misprintNote} explains. */
export const misprintMark = ({ misprint }: PaperResult): string => (misprint === undefined ? "" : "*")

/** What is wrong with the paper's GFLOPs, where something is. */
export const misprintNote = ({ misprint }: PaperResult): string | undefined =>
  misprint && `* The paper’s figure seems a misprint: ${misprint}.`
