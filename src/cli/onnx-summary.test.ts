import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"
import { temporaryFolder } from "../../test/data/image-folder.ts"
import { InputError } from "../tensor/errors.ts"
import models from "./commands/models.ts"
import { onnxSummary } from "./onnx-summary.ts"

const golden = (name: string) => fileURLToPath(new URL(`../../test/golden/onnx/${name}.onnx`, import.meta.url))
const run = (filter: string) => models.run({ filter }, { given: {}, note: () => {} })

describe("models FILE.onnx", () => {
  test("prints what the file takes, gives and costs, and its layers", async () => {
    const lines = (await run(golden("tf2onnx"))).text().split("\n")
    expect(lines.slice(0, 8)).toEqual([
      "format      ONNX IR 8, opset 15",
      "producer    tf2onnx",
      "input       images  float32 [unk__1, 21, 21, 3]",
      "output      logits  float32 [unk__1, 5]",
      "parameters  5.16k (5,157)",
      "MACs        39.7k (39,688) for one image",
      "operators   Cast 2, Conv 2, Transpose 2, Add 1, BatchNormalization 1, Clip 1, Concat 1,",
      "            MatMul 1, Reshape 1, Shape 1, Slice 1",
    ])
    expect(lines[9]).toMatch(/^layer +operator +output +parameters +MACs$/)
    expect(lines[10]).toMatch(/^c0 +Conv +\[unk__1, 8, 11, 11\] +224 +26\.1k$/)
  })

  test("gives the same as JSON, with exact numbers", async () => {
    const path = golden("swin-dynamo")
    expect((await run(path)).json).toMatchObject({
      file: path,
      opsets: { "": 20 },
      inputs: [{ name: "input", dtype: "float32", shape: ["batch", 3, 112, 112] }],
      operators: expect.objectContaining({ Softmax: 3 }),
      macs: 296_807_424,
      unknownMacs: [],
    })
  })

  test("names the file that it cannot read", async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, "folder.onnx"))
    writeFileSync(join(folder, "photo.onnx"), Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16))
    for (const name of ["folder.onnx", "photo.onnx", "missing.onnx"]) {
      const path = join(folder, name)
      await expect(onnxSummary(path)).rejects.toThrow(InputError)
      await expect(onnxSummary(path)).rejects.toThrow(`cannot read ${path}: `)
    }
  })
})
