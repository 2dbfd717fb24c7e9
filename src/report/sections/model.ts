/** The layers of the model, by stage. */
import type { LayerSummary, ReportData } from "../data.ts"
import { formatCount, formatInteger } from "../format.ts"
import { html, type Markup } from "../html.ts"
import { barChart } from "../svg/bar-chart.ts"
import { chartFigure, facts, plural, section } from "./section.ts"

interface Stage {
  name: string
  layers: LayerSummary[]
  parameters: number
  macs: number
}

export function model({ model }: ReportData): Markup {
  const stages = groupByStage(model.layers)
  const bars = (column: "parameters" | "macs") => stages.map((stage) => ({ label: stage.name, value: stage[column] }))
  const intro = `${model.name} on inputs of [${model.inputShape.join(", ")}] (height, width, channels).`
  return section(
    "model",
    "Model",
    intro,
    html`${facts([
      ["Parameters", formatInteger(model.parameters)],
      ["MACs per image", formatInteger(model.macs)],
      ["Layers", formatInteger(model.layers.length)],
    ])}<div class="charts">
${chartFigure("Parameters", barChart({ label: "Parameters by stage", bars: bars("parameters"), format: formatCount }))}
${chartFigure("MACs per image", barChart({ label: "MACs by stage", bars: bars("macs"), format: formatCount }))}
</div>
${stages.map(stageDetails)}`,
  )
}

/** `stages.0.blocks.1.conv_dw` belongs to `stages.0`, `layer1.0.conv1` to `layer1`, `head.fc` to `head`. */
function stageOf(layer: string): string {
  return /^\w+s\.\d+(?=\.)|^[^.]+/.exec(layer)?.[0] ?? layer
}

function groupByStage(layers: LayerSummary[]): Stage[] {
  const stages = new Map<string, Stage>()
  for (const layer of layers) {
    const name = stageOf(layer.name)
    const stage = stages.get(name) ?? { name, layers: [], parameters: 0, macs: 0 }
    stages.set(name, stage)
    stage.layers.push(layer)
    stage.parameters += layer.parameters
    stage.macs += layer.macs
  }
  return [...stages.values()]
}

function stageDetails({ name, layers, parameters, macs }: Stage): Markup {
  const rows = layers.map(
    (layer) =>
      html`<tr><td class="path">${layer.name}</td><td>${layer.type}</td><td class="path">[${layer.outputShape.join(", ")}]</td><td class="number">${formatInteger(layer.parameters)}</td><td class="number">${formatInteger(layer.macs)}</td></tr>
`,
  )
  return html`<details>
<summary><b>${name}</b> <span>${plural(layers.length, "layer")} · ${formatCount(parameters)} parameters · ${formatCount(macs)} MACs</span></summary>
<div class="scroll"><table class="layers">
<thead><tr><th>Layer</th><th>Type</th><th>Output</th><th class="number">Parameters</th><th class="number">MACs</th></tr></thead>
<tbody>${rows}</tbody>
</table></div>
</details>
`
}
