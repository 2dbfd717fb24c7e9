/** Styles of the roadmap's figure and page, beside those of all reports. */

import { darkColours, fontFamily, lightColours } from "../palette.ts"

/** Shared by the figure on the page and the figure as a file. */
const drawing = `
.roadmap text { font-size: 12px; }
.roadmap .group { font-size: 11px; font-weight: 650; letter-spacing: 0.06em; text-transform: uppercase; fill: var(--right); }
.roadmap .panel { font-size: 13px; font-weight: 620; fill: var(--ink); }
.roadmap .number-mark { fill: var(--soft); font-size: 11px; }
.roadmap .footnote { fill: var(--soft); font-size: 11px; }
.roadmap .value { fill: var(--ink); font-size: 11.5px; }
.roadmap .bar { fill: var(--right); }
.roadmap .bar.side { fill: var(--card); stroke: var(--right); stroke-width: 1.2; stroke-dasharray: 3 2; }
.roadmap .spread { fill: none; stroke: var(--ink); stroke-width: 1.2; }
.roadmap .seed { fill: var(--card); stroke: var(--ink); stroke-width: 1; }
.roadmap .costs { fill: var(--wrong); stroke: var(--card); stroke-width: 1; }
.roadmap .swin { stroke: var(--wrong); stroke-width: 1.5; stroke-dasharray: 5 4; }
`

/** Of the figure as a file: the colours of the page, and what the page says of its charts. */
export const figureStyles = `
svg { ${lightColours} font-family: ${fontFamily}; font-variant-numeric: tabular-nums; }
@media (prefers-color-scheme: dark) {
  svg { ${darkColours} }
}
text { fill: var(--soft); }
.legend { fill: var(--ink); }
.grid { stroke: var(--rule); }
.background { fill: var(--card); }
${drawing}`

/** Of the page. */
export const pageStyles = `${drawing}
.wide > svg { min-width: 760px; }
.prose { max-width: 68ch; text-wrap: pretty; }
.prose p + p { margin-top: 12px; }
.from { color: var(--wrong); font-weight: 620; }
.up, .to { color: var(--right); font-weight: 620; }
.down { color: var(--wrong); font-weight: 620; }
.unclear { color: var(--soft); }
.scatter .point { fill: var(--right); stroke: var(--card); stroke-width: 1.5; }
.scatter .point.aside { fill: var(--card); stroke: var(--right); stroke-dasharray: 3 2; }
.scatter .mark-text { fill: var(--on-strong); font-size: 9.5px; font-weight: 650; }
.scatter .aside + .mark-text { fill: var(--right); }
.scatter .way { fill: none; stroke: var(--right); stroke-width: 1.2; opacity: 0.35; }
.scatter .spread { stroke: var(--soft); stroke-width: 1.2; }
.bundle .curve { fill: none; stroke: color-mix(in oklab, var(--right) var(--place), var(--wrong)); stroke-width: 1.2; stroke-linejoin: round; opacity: 0.75; }
.bundle .curve.end { stroke-width: 2.6; opacity: 1; }
.bundle circle.curve { fill: color-mix(in oklab, var(--right) var(--place), var(--wrong)); }
.bundle g:hover .curve { stroke-width: 3.4; opacity: 1; }
.intervals text { font-size: 12px; }
.intervals .interval { fill: none; stroke: var(--right); stroke-width: 1.6; }
.intervals .estimate { fill: var(--right); stroke: none; }
.intervals .interval.unclear { stroke: var(--soft); }
.intervals .estimate.unclear { fill: var(--card); stroke: var(--soft); stroke-width: 1.6; }
.intervals .reference { fill: var(--wrong); stroke: var(--card); stroke-width: 1; }
.numbers th, .numbers td { padding: 5px 12px 5px 0; text-align: right; white-space: nowrap; }
.numbers thead th { white-space: normal; vertical-align: bottom; min-width: 84px; }
.numbers tr > :first-child { text-align: left; font-weight: 450; }
.fields { display: grid; grid-template-columns: repeat(auto-fill, minmax(132px, 1fr)); gap: 14px; margin-top: 18px; }
.fields figure { padding: 12px; }
.fields figcaption { margin: 8px 0 0; font-size: 12.5px; font-weight: 400; color: var(--soft); }
.fields svg { display: block; width: 100%; height: auto; }
.steps { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 500px), 1fr)); gap: 18px; }
.step h3 { margin: 0 0 6px; font-size: 17px; }
.step h3 span { color: var(--right); margin-right: 4px; }
.step h3 em { color: var(--soft); font-size: 13px; font-weight: 400; margin-left: 6px; }
.step > p { font-size: 14px; color: var(--soft); }
.step .facts { margin: 12px 0 0; gap: 8px 26px; font-size: 14px; }
.blocks { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 14px; }
.blocks figure { flex: 1 1 180px; min-width: 0; max-width: 250px; }
.blocks figcaption { font-size: 12px; color: var(--soft); font-weight: 400; margin: 0 0 2px; }
.blocks .outside { flex: 1 1 140px; color: var(--soft); font-size: 13px; align-self: center; }
.block { max-width: 100%; height: auto; }
.block .box { fill: var(--paper); stroke: var(--rule); }
.block .box.convolution { stroke: var(--soft); }
.block .box.norm, .block .box.activation { fill: var(--card); }
.block .box.changed { stroke: var(--wrong); stroke-width: 2; }
.block .arrow { fill: none; stroke: var(--soft); }
@media print {
  .wide > svg { min-width: 0; }
  .intro { break-inside: avoid; }
  .steps { grid-template-columns: 1fr; gap: 10px; }
  .fields { grid-template-columns: repeat(4, 1fr); }
  .fields figure, .numbers tr { break-inside: avoid; }
  .blocks { justify-content: space-around; }
  .roadmap *, .scatter *, .bundle *, .intervals *, .block * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`
