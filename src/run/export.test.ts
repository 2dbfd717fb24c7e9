import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fromBinary } from "@bufbuild/protobuf"
import { afterAll, expect, test } from "vitest"
import { ModelProtoSchema } from "../compile/onnx/onnx_pb.ts"
import { evalTransform } from "../data/transform.ts"
import { createModel, exportOnnx } from "../index.ts"

const folder = await mkdtemp(join(tmpdir(), "convnext-export-"))
afterAll(() => rm(folder, { recursive: true }))

test.each([1, 3])(
  "the metadata of a model for %i channels prepares images as the model's own transform does",
  async (channels) => {
    const model = await createModel("convnext_mini", { inChannels: channels, classes: ["cat", "dog"], inputSize: 32 })
    const { path, maxDifference } = await exportOnnx(model, join(folder, `${channels}.onnx`))
    expect(maxDifference).toBeLessThan(1e-4)
    const { metadataProps } = fromBinary(ModelProtoSchema, await readFile(path))
    const metadata = Object.fromEntries(metadataProps.map(({ key, value }) => [key, value]))
    expect(JSON.parse(metadata.labels!)).toEqual(["cat", "dog"])

    const { mean, std, inputSize, layout } = JSON.parse(metadata.preprocessing!)
    expect({ inputSize, layout }).toEqual({ inputSize: [channels, 32, 32], layout: "NCHW" })
    expect([mean.length, std.length]).toEqual([channels, channels])
    const pixels = Uint8Array.from({ length: 32 * 32 * channels }, (_, i) => (i * 37) % 256)
    const own = evalTransform(model.dataConfig)({ width: 32, height: 32, channels, data: pixels })
    own.data.forEach((value, i) => {
      expect(value).toBeCloseTo((pixels[i]! / 255 - mean[i % channels]) / std[i % channels], 5)
    })
    await model.dispose()
  },
)
