/** Each step by itself: what it changes, its block before and after, and its numbers. */
import { type BlockRow, describeBlock } from "../../../roadmap/describe.ts"
import { isSameNetwork, stepBefore } from "../../../roadmap/effects.ts"
import type { RoadmapStep } from "../../../roadmap/steps.ts"
import type { RoadmapStudy } from "../../../roadmap/study.ts"
import { formatBytes, formatCount, formatInteger, thin } from "../../format.ts"
import { html, type Markup } from "../../html.ts"
import { facts, section } from "../../sections/section.ts"
import { type BlockDiagramRow, blockDiagram } from "../../svg/block-diagram.ts"
import { formatPaperTop1, misprintMark, misprintNote, paperGflops } from "../paper.ts"
import { formatEffect, formatTop1, type StepRow } from "../rows.ts"

/** Those of ImageNet-1k, for which `RoadmapStep` counts. */
const PAPER_CLASSES = 1000

export function steps({ data, settings }: RoadmapStudy, rows: readonly StepRow[]): Markup {
  return section(
    "steps",
    "Step by step",
    "The block is that inside of the first stage of the full network, from top to bottom; what the step changes in it is framed. Numbers behind an operator are its channels.",
    html`<div class="steps">
${rows.map((row) => drawStep(row, rows, { classes: data.classes, scale: settings.scale }))}</div>`,
  )
}

function drawStep(
  { number, step, result, effect }: StepRow,
  rows: readonly StepRow[],
  { classes, scale }: { classes: number; scale: number },
): Markup {
  const before = rows.find((row) => row.step.id === stepBefore(step))?.step
  const { paper } = step
  const sameNetwork = isSameNetwork(step, scale)
  const note = misprintNote(paper)
  return html`<article class="card step" id="${step.id}">
<h3><span>${number}</span> ${step.title}${step.sideBranch ? html` <em>tried, not kept</em>` : undefined}</h3>
<p>${step.summary}</p>
<div class="blocks">${drawBlocks(step, before)}</div>
${facts([
  ["Here", result ? `${formatTop1(result.top1, result.deviation)}${thin}%` : "not trained"],
  [
    "Effect",
    effect
      ? html`<span class="${effect.verdict}">${formatEffect(effect)}</span>${effect.basis === "images" ? " from one seed" : undefined}`
      : sameNetwork
        ? "the same network as before, at this scale"
        : "–",
  ],
  ["Paper", `${formatPaperTop1(paper)}${thin}%`],
  ["Paper’s GFLOPs", `${paperGflops(paper)}${misprintMark(paper)}`],
  [
    "Parameters",
    result
      ? formatInteger(result.parameters)
      : `${formatInteger(step.parameters)}${classes === PAPER_CLASSES ? "" : ` at ${formatInteger(PAPER_CLASSES)} classes`}`,
  ],
  ["MACs", result ? formatCount(result.macs) : "–"],
  ["Activations of an image", result ? formatBytes(result.activationBytes) : "–"],
])}${note && html`<p class="unclear">${note}</p>`}
</article>
`
}

function drawBlocks(step: RoadmapStep, before: RoadmapStep | undefined): Markup {
  const after = describeBlock(step).rows
  const rows = before ? describeBlock(before).rows : after
  const [old, fresh] = compare(rows.map(rowText), after.map(rowText))
  const diagram = (title: string, block: readonly BlockRow[], changed: readonly boolean[]) =>
    html`<figure><figcaption>${title}</figcaption>${blockDiagram({
      label: `${title}: ${block.map(rowText).join(", ")}`,
      rows: block.map((row, i): BlockDiagramRow => ({ kind: row.kind, text: rowText(row), changed: changed[i]! })),
    })}</figure>`
  if (!before) return diagram("The block", after, fresh)
  if (![...old, ...fresh].includes(true)) {
    return html`${diagram("The block stays as it is", after, fresh)}<p class="outside">The step changes what is outside of the blocks.</p>`
  }
  return html`${diagram(`Before: ${before.title}`, rows, old)}${diagram("After", after, fresh)}`
}

const names = { relu: "ReLU", gelu: "GELU", batch: "BatchNorm", layer: "LayerNorm" } as const

/** An operator as people write it. */
function rowText(row: BlockRow): string {
  switch (row.kind) {
    case "convolution": {
      const size = `${row.kernelSize}×${row.kernelSize}`
      return row.depthwise ? `depthwise ${size}, ${row.outChannels}` : `${size}, ${row.inChannels} → ${row.outChannels}`
    }
    case "norm":
      return names[row.norm]
    case "activation":
      return names[row.activation]
    case "layer-scale":
      return "layer scale"
    case "add":
      return "+ input"
  }
}

/** Which entries of two lists are not part of the longest list that both share. */
function compare(a: readonly string[], b: readonly string[]): [boolean[], boolean[]] {
  const length = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0))
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      length[i]![j] = a[i] === b[j] ? 1 + length[i + 1]![j + 1]! : Math.max(length[i + 1]![j]!, length[i]![j + 1]!)
    }
  }
  const [left, right] = [a.map(() => true), b.map(() => true)]
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) {
      left[i++] = false
      right[j++] = false
    } else if (length[i + 1]![j]! >= length[i]![j + 1]!) i++
    else j++
  }
  return [left, right]
}
