/** Results of benchmarks as a page that needs nothing but itself. */

import type { Chart, Row } from "./benchmark.ts"

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

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }
const escapeHtml = (text: string) => text.replace(/[&<>"]/g, (letter) => entities[letter]!)
/** Emphasis in the rows is Markdown's. */
const inline = (text: string) => escapeHtml(text).replace(/\*\*(.+?)\*\*/g, "<b>$1</b>")

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

function renderResult({ title, rows }: BenchmarkResult): string {
  const charts = rows.flatMap(({ what, goal, chart }) => (chart ? [renderChart(what, goal, chart)] : []))
  const others = charts.length > 0 ? [] : rows
  const table = others.map(
    ({ what, result, goal = "" }) =>
      `<tr><th scope="row">${inline(what)}</th><td>${inline(result)}</td><td>${escapeHtml(goal)}</td></tr>\n`,
  )
  return `<h2>${escapeHtml(title)}</h2>
${charts.join("")}${table.length > 0 ? `<table><tr><th>what</th><th>result</th><th>goal</th></tr>\n${table.join("")}</table>\n` : ""}`
}

/** Bars of the medians, each with its fastest and slowest run; a shorter one is a faster one. */
function renderChart(what: string, goal: string | undefined, { ratio, bars }: Chart): string {
  const [label, width, height] = [190, 420, 24]
  const longest = Math.max(...bars.map(({ max }) => max))
  const x = (value: number) => label + (width * value) / longest
  const rows = bars.map(({ name, min, median, max }, i) => {
    const middle = i * height + height / 2
    const time = median < 10 ? median.toFixed(2) : median.toFixed(0)
    return `<g><title>${escapeHtml(name)}: ${min.toFixed(1)} to ${max.toFixed(1)} ms</title>
<text x="${label - 8}" y="${middle}" class="name">${escapeHtml(name)}</text>
<rect x="${label}" y="${middle - 8}" width="${(x(median) - label).toFixed(1)}" height="16" class="${i === 0 ? "own" : "peer"}"/>
<path d="M${x(min).toFixed(1)} ${middle}H${x(max).toFixed(1)}" class="spread"/>
<text x="${(x(max) + 6).toFixed(1)}" y="${middle}">${time} ms</text></g>`
  })
  const verdict = `${ratio.toFixed(2)}x the best peer${goal === undefined ? "" : `, goal ${goal}`}`
  return `<figure><figcaption>${inline(what)}: ${escapeHtml(verdict)}</figcaption>
<svg viewBox="0 0 ${label + width + 80} ${bars.length * height}" role="img" aria-label="Milliseconds of ${escapeHtml(what.replaceAll("*", ""))}">
${rows.join("\n")}
</svg></figure>
`
}

const styles = `
:root { --paper: #fbfaf7; --ink: #1c1e21; --soft: #5d626b; --own: #2457c5; --peer: #c9c4b6; --rule: #e5e2da; }
@media (prefers-color-scheme: dark) { :root { --paper: #121417; --ink: #e7e5df; --soft: #a0a5ad; --own: #86abff; --peer: #4a4f57; --rule: #30343a; } }
body { max-width: 880px; margin: 40px auto; padding: 0 20px; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h2 { margin-top: 44px; font-size: 20px; }
code { font-size: 13px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; font-weight: 400; padding: 6px 14px 6px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
figure { margin: 26px 0; }
figcaption { font-size: 14px; margin-bottom: 6px; }
svg { width: 100%; height: auto; }
svg text { font-size: 12px; fill: var(--soft); dominant-baseline: central; }
svg .name { text-anchor: end; }
svg .own { fill: var(--own); }
svg .peer { fill: var(--peer); }
svg .spread { stroke: var(--ink); stroke-width: 1.2; }
`
