import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { hashImages } from "../../../test/support/hash-weights.ts"
import { createModel } from "../../index.ts"
import { loadCheckpoint } from "../../models/load.ts"
import { loadTensors } from "../node/files.ts"

const G = "/work/shared/golden/checkpoints/"
const index = JSON.parse(readFileSync(G + "index.json", "utf8"))
const camel = (o: object) =>
  Object.fromEntries(Object.entries(o).map(([k, v]) => [k.replace(/_([a-z])/g, (_, l) => l.toUpperCase()), v]))
for (const f of index.files)
  test(f.path, async () => {
    const m = index.models[f.model]
    const family = m.family === "convnextv2" ? "convnext" : m.family
    const model = await createModel(family, {
      config: { ...camel(m.timm_arguments), ...(m.timm_class.endsWith("Distilled") ? { distilled: true } : {}) },
      inputSize: 64,
    })
    const t = await loadTensors(G + f.path)
    const r = loadCheckpoint(model, t, { classes: f.expect.head_map, source: f.path })
    if (r.messages.length) console.log(f.path, r.messages, r.missing, r.dropped, r.ignored)
    const e = JSON.parse(readFileSync(G + f.expect.logits, "utf8"))
    const x = hashImages("x0", [2, 3, 64, 64])
    const y = e.logits
      ? await model.forward(x)
      : await model.forwardHead(await model.forwardFeatures(x), { preLogits: true })
    const want = (e.logits ?? e.pre_logits).flat()
    let worst = 0
    want.forEach((v: number, i: number) => {
      worst = Math.max(worst, Math.abs(v - (y.data as Float32Array)[i]!))
    })
    expect(worst).toBeLessThan(1e-5)
  })
test("errors", async () => {
  for (const [a, b] of [
    ["resnet50", "resnet18"],
    ["swin_tiny_patch4_window7_224", "convnext_tiny"],
    ["convnext_small", "convnext_tiny"],
    ["convnext_base", "convnext_tiny"],
    ["deit_tiny_patch16_224", "vit_small_patch16_224"],
    ["convnextv2_tiny", "convnext_tiny"],
    ["mobilenetv2_100", "convnext_tiny"],
  ] as const) {
    const A = await createModel(a, { numClasses: 3 })
    const B = await createModel(b, {})
    const s = performance.now()
    try {
      loadCheckpoint(B, A.weights, { source: "a.safetensors" })
      console.log("??", a, b)
    } catch (e) {
      console.log((e as Error).message, performance.now() - s)
    }
  }
})
