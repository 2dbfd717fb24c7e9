/** The report of a run: one HTML file that needs nothing but itself. */
import type { ReportData } from "./data.ts"
import { type Content, html, Markup } from "./html.ts"
import { script, scriptHash } from "./script.ts"
import { classes } from "./sections/classes.ts"
import { commands } from "./sections/commands.ts"
import { config } from "./sections/config.ts"
import { confusion } from "./sections/confusion.ts"
import { curves } from "./sections/curves.ts"
import { dataset } from "./sections/dataset.ts"
import { header } from "./sections/header.ts"
import { model } from "./sections/model.ts"
import { mistakes } from "./sections/pictures.ts"
import { throughput } from "./sections/throughput.ts"
import { styles } from "./styles.ts"

/** No request leaves the page, and no script but its own runs. */
const policy = `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${scriptHash}'`

const navigation: [string, string][] = [
  ["curves", "Curves"],
  ["confusion", "Confusion"],
  ["classes", "Classes"],
  ["mistakes", "Mistakes"],
  ["data", "Data"],
  ["model", "Model"],
  ["throughput", "Throughput"],
  ["config", "Configuration"],
  ["commands", "Commands"],
]

/**
 * Renders the report of a run as a self-contained HTML page: figures, learning curves, confusion matrix, classes,
 * worst mistakes, data, model, throughput, configuration and commands.
 * Throws a UsageError if an image is not a data URI.
 */
export function renderReport(data: ReportData): string {
  const sections: Content[] = [curves, confusion, classes, mistakes, dataset, model, throughput, config, commands].map(
    (section) => section(data),
  )
  return html`${new Markup("<!doctype html>")}
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="color-scheme" content="light dark">
<title>${data.title}</title>
<style>${new Markup(styles)}</style>
</head>
<body>
${header(data)}
<nav>${navigation.map(([id, name]) => html`<a href="#${id}">${name}</a>`)}</nav>
<main>
${sections}</main>
<script>${new Markup(script)}</script>
</body>
</html>
`.text
}
