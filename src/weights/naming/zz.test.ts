import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { bfloat16ToFloat32, float16ToFloat32 } from "../../tensor/float16.ts"
import { loadTensors } from "../node/files.ts"
import { convertStateDict } from "./convert.ts"
import { recognise } from "./recognise.ts"

const G = "/work/shared/golden/checkpoints/"
const index = JSON.parse(readFileSync(G + "index.json", "utf8"))
for (const f of index.files)
  test(f.path, async () => {
    const t = await loadTensors(G + f.path)
    const r = recognise(t)
    console.log(f.path, f.scheme, JSON.stringify(r))
    const c = convertStateDict(t, { to: "timm" })
    const e = await loadTensors(G + f.expect.tensors)
    for (const d of f.expect.dropped ?? []) delete c[d]
    if (f.expect.head_map) {
      delete c["head.fc.weight"]
      delete c["head.fc.bias"]
      delete e["head.fc.weight"]
      delete e["head.fc.bias"]
    }
    const names = (x: object) =>
      Object.keys(x)
        .filter((n) => !n.endsWith("num_batches_tracked"))
        .sort()
    expect(names(c)).toEqual(names(e))
    for (const n of names(e)) {
      let v = c[n]!
      if (v.dtype === "float16") v = { ...v, data: float16ToFloat32(v.data as Uint16Array) }
      if (v.dtype === "bfloat16") v = { ...v, data: bfloat16ToFloat32(v.data as Uint16Array) }
      expect(v.data).toEqual(e[n]!.data)
      if (f.model !== "convnext-conv-mlp") expect(v.shape).toEqual(e[n]!.shape)
    }
    const scheme = f.scheme.replace(/-5|-deit/, "")
    if (f.dtype === "float32" && scheme === f.scheme) {
      const back = convertStateDict(convertStateDict(t, { to: "timm" }), { to: scheme as never })
      for (const [n, v] of Object.entries(t))
        if (!(f.expect.ignored ?? []).includes(n)) {
          expect(back[n], n).toBeDefined()
          expect(back[n]!.data).toEqual(v.data)
          expect(back[n]!.shape).toEqual(v.shape)
        }
      expect(Object.keys(back).length).toBe(Object.keys(t).length - (f.expect.ignored?.length ?? 0))
    }
  })
