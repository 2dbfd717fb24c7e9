/** Templates for HTML and SVG in which everything is escaped that is not markup already. */

/** Markup that was made by {@link html}, or written here by hand. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

/** What a template takes: text and numbers are escaped, markup is not, lists are joined, `undefined` is nothing. */
export type Content = Markup | string | number | undefined | readonly Content[]

const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" }

/** Text as it may stand between tags and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => entities[char]!)
}

/**
 * ```ts
 * html`<p title="${fileName}">${className}</p>`
 * ```
 */
export function html(strings: TemplateStringsArray, ...values: Content[]): Markup {
  return new Markup(strings.reduce((text, string, i) => text + render(values[i - 1]) + string))
}

function render(value: Content): string {
  if (value === undefined) return ""
  if (value instanceof Markup) return value.text
  if (typeof value === "object") return value.map(render).join("")
  return escapeHtml(String(value))
}
