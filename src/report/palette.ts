/** The colours and the typeface of all reports and figures. */

/** Of each colour its value on light and on dark pages. */
const colours = {
  paper: ["#fbfaf7", "#131518"],
  card: ["#ffffff", "#1a1d21"],
  ink: ["#1c1e21", "#e7e5df"],
  soft: ["#5d626b", "#a0a5ad"],
  rule: ["#e5e2da", "#30343a"],
  right: ["#2457c5", "#86abff"],
  wrong: ["#c2540a", "#f29a56"],
  "on-strong": ["#ffffff", "#10131a"],
  warning: ["#fdf1dc", "#33291a"],
} as const

const properties = (scheme: 0 | 1) =>
  Object.entries(colours)
    .map(([name, values]) => `--${name}: ${values[scheme]};`)
    .join(" ")

/** Custom properties of CSS, `--ink` and so on. */
export const lightColours = properties(0)
export const darkColours = properties(1)

export const fontFamily = `system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif`
