/** The frame that the sections of the page share. */
import { type Content, html, type Markup } from "../html.ts"

/** A section with a heading that the navigation leads to. */
export function section(id: string, title: string, intro: Content, body: Content): Markup {
  return html`<section id="${id}">
<h2>${title}</h2>
<p class="intro">${intro}</p>
${body}
</section>
`
}

/** A chart with its title. */
export function chartFigure(title: string, chart: Markup): Markup {
  return html`<figure class="card"><figcaption>${title}</figcaption>${chart}</figure>
`
}

/** Names and values side by side. */
export function facts(entries: [string, Content][]): Markup {
  return html`<dl class="facts">${entries.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
`
}

/** "1 image", "2 images". */
export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? noun : nouns}`
}
