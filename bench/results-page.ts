/** Results of benchmarks as a page that needs nothing but itself. */

import { describeVersions, type Row } from "./benchmark.ts"
import { escapeHtml, inline, renderChart, unbroken } from "./results-charts.ts"

export interface BenchmarkResult {
  name: string
  title: string
  rows: Row[]
}

/** When, where and how they were made. */
export interface ResultsOrigin {
  date: string
  machine: string
  command: string
}

export function renderResults({ date, machine, command }: ResultsOrigin, results: readonly BenchmarkResult[]): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Benchmarks of convnext</title>
<style>${styles}</style>
</head>
<body>
<h1>Benchmarks of convnext</h1>
<p>${escapeHtml(machine)}, ${escapeHtml(date.slice(0, 10))}<br><code>${escapeHtml(command)}</code></p>
${results.map(renderResult).join("")}</body>
</html>
`
}

/** The charts of a benchmark, a table of its rows, which is folded away where there are charts, and what was compared. */
function renderResult({ title, rows }: BenchmarkResult): string {
  const charts = rows.map(renderChart).join("")
  const table = renderTable(rows)
  const body =
    charts === ""
      ? table
      : `<div class="charts">\n${charts}</div>\n<details><summary>All figures</summary>\n${table}</details>\n`
  const versions = describeVersions(rows)
  const origin = versions === "" ? "" : `<p class="versions">${escapeHtml(versions)}</p>\n`
  return `<h2>${escapeHtml(title)}</h2>\n${body}${origin}`
}

function renderTable(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ what, result, goal = "" }) =>
      `<tr><th scope="row">${inline(what)}</th><td>${inline(result)}</td><td>${escapeHtml(unbroken(goal))}</td></tr>\n`,
  )
  return `<table><tr><th>what</th><th>result</th><th>goal</th></tr>\n${lines.join("")}</table>\n`
}

const styles = `
:root { --paper: #fbfaf7; --ink: #1c1e21; --soft: #5d626b; --own: #2457c5; --peer: #c9c4b6; --rule: #e5e2da; --reference: #b3540e; }
@media (prefers-color-scheme: dark) { :root { --paper: #121417; --ink: #e7e5df; --soft: #a0a5ad; --own: #86abff; --peer: #4a4f57; --rule: #30343a; --reference: #f0a060; } }
body { max-width: 880px; margin: 40px auto; padding: 0 20px; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h2 { margin-top: 44px; font-size: 20px; }
code { font-size: 13px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; font-weight: 400; padding: 6px 14px 6px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 350px), 1fr)); gap: 32px; margin: 26px 0; }
figure { margin: 0; }
.versions { color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--soft); font-size: 14px; }
figcaption { font-size: 14px; margin-bottom: 10px; }
svg { width: 100%; height: auto; }
svg text { font-size: 12px; fill: var(--soft); dominant-baseline: central; }
svg .name { text-anchor: end; }
svg .middle { text-anchor: middle; }
svg .own { fill: var(--own); }
svg .peer { fill: var(--peer); }
svg .own-line { stroke: var(--own); stroke-width: 1.5; }
svg .reference { stroke: var(--reference); stroke-width: 1.5; stroke-dasharray: 5 3; }
svg .grid { stroke: var(--rule); }
svg .axis { stroke: var(--soft); }
svg .spread { stroke: var(--ink); stroke-width: 1.2; }
`
