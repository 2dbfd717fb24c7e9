/** The style sheet of all reports. */

import { darkColours, fontFamily, lightColours } from "./palette.ts"

/** System fonts, one accent for what is right, one for what is wrong, light, dark and print. */
export const styles = `
:root {
  color-scheme: light dark;
  ${lightColours}
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    ${darkColours}
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0 auto;
  padding: 56px 24px 96px;
  max-width: 1088px;
  background: var(--paper);
  color: var(--ink);
  font: 16px/1.55 ${fontFamily};
  font-variant-numeric: tabular-nums;
}
h1, h2, h3, p, dl, dd, figure, pre { margin: 0; }
h1 { font-size: clamp(28px, 5vw, 42px); line-height: 1.12; letter-spacing: -0.022em; font-weight: 680; text-wrap: balance; overflow-wrap: anywhere; }
h2 { font-size: 24px; line-height: 1.25; letter-spacing: -0.012em; font-weight: 650; }
h3 { font-size: 15px; font-weight: 620; margin: 32px 0 12px; }
a { color: inherit; }
.eyebrow { color: var(--right); font-size: 13px; font-weight: 650; letter-spacing: 0.09em; text-transform: uppercase; margin-bottom: 10px; }
.meta { color: var(--soft); margin: 12px 0 20px; overflow-wrap: anywhere; }
.intro { color: var(--soft); margin: 6px 0 22px; max-width: 68ch; overflow-wrap: anywhere; text-wrap: pretty; }

.figures { display: grid; grid-template-columns: repeat(4, 1fr); gap: 1px; margin-top: 28px; background: var(--rule); border: 1px solid var(--rule); border-radius: 10px; overflow: hidden; }
.figures > div { background: var(--card); padding: 16px 18px 14px; }
.figures dt { color: var(--soft); font-size: 13px; }
.figures dd { font-size: 27px; line-height: 1.3; letter-spacing: -0.02em; font-weight: 630; white-space: nowrap; }
.figures dd.note { color: var(--soft); font-size: 13px; line-height: 1.4; letter-spacing: 0; font-weight: 400; white-space: normal; overflow-wrap: anywhere; }
.figures > div:first-child dd:not(.note) { color: var(--right); }

nav { position: sticky; top: 0; z-index: 2; display: flex; gap: 22px; margin: 32px -24px 0; padding: 12px 24px; overflow-x: auto; background: var(--paper); border-bottom: 1px solid var(--rule); font-size: 14px; }
nav a { color: var(--soft); text-decoration: none; white-space: nowrap; }
nav a:hover { color: var(--ink); }
section { padding-top: 56px; scroll-margin-top: 12px; }

.card { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 16px 18px; }
.card figcaption { font-size: 14px; font-weight: 620; margin-bottom: 8px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 18px; align-items: start; }
.facts { display: flex; flex-wrap: wrap; gap: 14px 44px; margin: 0 0 24px; }
.facts dt { color: var(--soft); font-size: 13px; }
.facts dd { font-weight: 600; overflow-wrap: anywhere; }
.warning { background: var(--warning); border-left: 3px solid var(--wrong); border-radius: 4px; padding: 10px 14px; margin-bottom: 12px; overflow-wrap: anywhere; }

svg { display: block; font-family: inherit; }
svg text { fill: var(--soft); font-size: 11px; }
svg .legend { fill: var(--ink); }
.chart { width: 100%; height: auto; }
.grid { stroke: var(--rule); stroke-width: 1; }
.axis { stroke: var(--soft); stroke-width: 1; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.series-1 { stroke: var(--right); }
.series-2 { stroke: var(--wrong); }
.dot { fill: var(--card); stroke-width: 2; }
.mark { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 3 3; }
.hover rect { fill: transparent; }
.hover line { stroke: var(--ink); stroke-width: 1; opacity: 0; }
.hover:hover line { opacity: 0.5; }
.bar { fill: var(--right); }
.frame { fill: none; stroke: var(--rule); }
.heat .right { fill: var(--right); }
.heat .wrong { fill: var(--wrong); }
.heat .count { fill: var(--ink); text-anchor: middle; dominant-baseline: central; pointer-events: none; }
.heat .count.strong { fill: var(--on-strong); }
.heat g:hover > rect { stroke: var(--ink); stroke-width: 1; }
.heat.named { flex: none; }
.heat.plain { width: 640px; max-width: 100%; height: auto; }

.confusion { display: flex; flex-wrap: wrap; gap: 24px 40px; align-items: flex-start; }
.confusion > .scroll { max-width: 100%; }
.confusion > .list { flex: 1 1 320px; min-width: 0; }
.confusion h3 { margin-top: 0; }
.confusion th, .confusion td { padding-left: 8px; padding-right: 8px; }
.scroll { overflow-x: auto; }
.tall { max-height: 620px; overflow-y: auto; border: 1px solid var(--rule); border-radius: 10px; background: var(--card); }
.tall thead th { position: sticky; top: 0; background: var(--card); box-shadow: inset 0 -1px var(--rule); }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; vertical-align: top; padding: 7px 14px; border-bottom: 1px solid var(--rule); }
tbody tr:last-child > * { border-bottom: 0; }
thead th { color: var(--soft); font-size: 13px; font-weight: 500; white-space: nowrap; }
.number, .score { text-align: right; white-space: nowrap; }
.path { font-family: var(--mono); font-size: 12.5px; overflow-wrap: anywhere; }
.score > span { vertical-align: middle; }
.meter { display: inline-block; width: 90px; height: 6px; margin-right: 10px; border-radius: 3px; background: var(--rule); overflow: hidden; }
.meter i { display: block; height: 100%; background: var(--right); }
.config th { font: 13px/1.5 var(--mono); color: var(--soft); padding-left: calc(4px + var(--depth) * 22px); white-space: nowrap; width: 1%; }
.config td { font: 13px/1.5 var(--mono); overflow-wrap: anywhere; }
.config th, .config td { padding-top: 4px; padding-bottom: 4px; }

details { border: 1px solid var(--rule); border-radius: 10px; background: var(--card); margin-top: 10px; }
summary { cursor: pointer; padding: 11px 16px; font-size: 14px; }
summary b { font-family: var(--mono); font-size: 13px; margin-right: 10px; }
summary span { color: var(--soft); }
details[open] > summary { border-bottom: 1px solid var(--rule); }
details .tall { border: 0; }
.layers .path:first-child { white-space: nowrap; }
.charts + details { margin-top: 22px; }

.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(164px, 1fr)); gap: 22px 18px; }
.pictures.small { grid-template-columns: repeat(auto-fill, minmax(112px, 1fr)); gap: 16px 14px; }
.pictures img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 8px; background: var(--rule); }
.pictures figcaption { margin-top: 8px; font-size: 13px; line-height: 1.45; }
.pictures figcaption span { display: block; overflow-wrap: anywhere; }
.pictures b { font-weight: 620; }
.pictures .wrong { color: var(--wrong); }
.pictures .source { color: var(--soft); font: 11.5px/1.5 var(--mono); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }

.code { position: relative; background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 11px 84px 11px 14px; font: 13px/1.6 var(--mono); white-space: pre-wrap; overflow-wrap: anywhere; }
.code code { font: inherit; }
.code button { position: absolute; top: 7px; right: 8px; padding: 4px 11px; border: 1px solid var(--rule); border-radius: 6px; background: var(--paper); color: var(--soft); font: 12px/1.5 system-ui, sans-serif; cursor: pointer; }
.code button:hover { color: var(--ink); border-color: var(--soft); }
.command h3 { margin: 18px 0 8px; }

@media (max-width: 720px) {
  body { padding: 32px 16px 64px; }
  nav { margin: 24px -16px 0; padding: 12px 16px; }
  section { padding-top: 44px; }
  .figures { grid-template-columns: 1fr 1fr; }
  .figures > div { padding: 12px 14px; }
  .figures dd { font-size: 22px; }
  .card { padding: 14px 12px; }
  .chart text { font-size: 13px; }
  .facts { gap: 12px 28px; }
  table { font-size: 13px; }
  th, td { padding: 7px; }
  .meter { display: none; }
  .pictures { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 18px 12px; }
  .pictures.small { grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 12px 10px; }
}
@media print {
  :root { color-scheme: light; --paper: #ffffff; }
  body { max-width: none; padding: 0; font-size: 12px; }
  nav, .code button { display: none; }
  section { padding-top: 28px; }
  .charts { grid-template-columns: 1fr 1fr; gap: 10px; }
  .heat.named { max-width: 100%; height: auto; }
  .card, .pictures figure, tr, .figures > div { break-inside: avoid; }
  h2, h3, .intro { break-after: avoid; }
  .tall { max-height: none; overflow: visible; }
  .heat, .bar, .meter, .meter i { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`
