import { expect, test } from "vitest"
import { html, Markup } from "./html.ts"

test("text is escaped, markup and numbers are not, lists are joined, undefined is nothing", () => {
  const name = `<b title='"'>&</b>`
  expect(html`<p title="${name}">${name}</p>`.text).toBe(
    '<p title="&lt;b title=&#39;&quot;&#39;&gt;&amp;&lt;/b&gt;">&lt;b title=&#39;&quot;&#39;&gt;&amp;&lt;/b&gt;</p>',
  )
  expect(html`${[html`<i>${1}</i>`, "<", [0, undefined]]}${undefined}${new Markup("<hr>")}`.text).toBe(
    "<i>1</i>&lt;0<hr>",
  )
})
