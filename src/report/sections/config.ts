/** The resolved configuration, laid out as config.yaml is. */
import type { ReportData } from "../data.ts"
import { type Content, html, type Markup } from "../html.ts"
import { section } from "./section.ts"

export function config({ config }: ReportData): Markup {
  return section(
    "config",
    "Configuration",
    "Everything that was set or left at its default, as in config.yaml.",
    html`<div class="scroll"><table class="config"><tbody>${configRows(config, 0)}</tbody></table></div>`,
  )
}

function configRows(values: object, depth: number): Content {
  return Object.entries(values).map(([key, value]) => {
    const nested = isNested(value)
    const name = Array.isArray(values) ? "-" : key
    return html`<tr><th style="--depth:${depth}">${name}</th><td>${nested ? undefined : formatValue(value)}</td></tr>
${nested ? configRows(value, depth + 1) : undefined}`
  })
}

/** Objects and lists of objects get rows of their own; lists of plain values stay on one line. */
function isNested(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false
  return Array.isArray(value) ? value.some(isNested) : Object.keys(value).length > 0
}

function formatValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(formatValue).join(", ")}]`
  if (typeof value === "string") return /^[\w./:@ -]*[A-Za-z][\w./:@ -]*$/.test(value) ? value : JSON.stringify(value)
  if (typeof value === "object" && value !== null) return "{}"
  return String(value)
}
