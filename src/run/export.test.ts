import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fromBinary } from "@bufbuild/protobuf"
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node"
import { afterAll, describe, expect, test } from "vitest"
import { decodeOnnx } from "../compile/onnx/decode.ts"
import { ModelProtoSchema } from "../compile/onnx/onnx_pb.ts"
import { evalTransform } from "../data/transform.ts"
import { createModel, exportOnnx, InputError } from "../index.ts"
import { ndarray } from "../tensor/ndarray.ts"

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

describe("a model of more than protobuf can hold", () => {
  const exportSplit = async (name: string, seed = 0) => {
    const model = await createModel("convnext_mini", { numClasses: 10, inputSize: 32, threads: 1, seed })
    return { model, result: await exportOnnx(model, join(folder, name), { maxEmbedded: 100_000 }) }
  }

  test("has its weights in a file beside it, from which ONNX Runtime loads them", async () => {
    const { model, result } = await exportSplit("split.onnx")
    const { path, dataPath, bytes } = result
    expect(dataPath).toBe(`${path}.data`)
    expect((await stat(path)).size + (await stat(dataPath!)).size).toBe(bytes)
    expect((await stat(path)).size).toBeLessThan(50_000)
    for (const { external } of decodeOnnx(await readFile(path)).initializers) {
      if (!external) continue
      expect(external.location).toBe("split.onnx.data")
      expect(external.offset % 4096).toBe(0)
    }
    const session = await InferenceSession.create(path)
    for (const batch of [1, 3]) {
      // The same value at every place: the layouts of both sides agree.
      const pixels = new Float32Array(batch * 32 * 32 * 3).fill(0.7)
      const expected = await model.forward(ndarray(pixels, [batch, 32, 32, 3]))
      const { logits } = await session.run({ images: new OrtTensor("float32", pixels, [batch, 3, 32, 32]) })
      expect(logits!.dims).toEqual([batch, 10])
      expected.data.forEach((value, i) => {
        expect(logits!.data[i]).toBeCloseTo(Number(value), 4)
      })
    }
    await session.release()
    await model.dispose()
  })

  test("replaces both files, and leaves nothing else", async () => {
    const { model: first } = await exportSplit("again.onnx", 1)
    const { model: second, result } = await exportSplit("again.onnx", 2)
    const stored = decodeOnnx(await readFile(result.path)).initializers.find(({ name }) => name === "head.fc.weight")!
    const data = await readFile(result.dataPath!)
    const { offset, length } = stored.external!
    const weight = second.weights["head.fc.weight"]!.data as Float32Array
    expect(data.subarray(offset, offset + length!)).toEqual(Buffer.from(weight.buffer, weight.byteOffset, length))
    expect((await readdir(folder)).filter((name) => name.startsWith("again"))).toEqual([
      "again.onnx",
      "again.onnx.data",
    ])
    await first.dispose()
    await second.dispose()
  })

  test("leaves the model that was there where it cannot be written", async () => {
    const path = join(folder, "kept.onnx")
    await writeFile(path, "the old model")
    await mkdir(`${path}.data.new`)
    await expect(exportSplit("kept.onnx")).rejects.toThrow(InputError)
    expect(await readFile(path, "utf8")).toBe("the old model")
  })
})
