/** One training on the images that come along, and all that it leaves. */

import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { InferenceSession, Tensor } from "onnxruntime-node"
import sharp from "sharp"
import { beforeAll, describe, expect, test } from "vitest"
import { parse } from "yaml"
import { openEmbedded } from "../../src/data/node/open.ts"
import { createModel, evalTransform, type FilePrediction, loadRun, loadTensors } from "../../src/index.ts"
import { trainOptions } from "../../src/train/options.ts"
import { convnext, convnextJson, type Outcome, quickTraining } from "../support/cli.ts"
import { sharedFolder, writeColourFolder, writeFile } from "../support/images.ts"

const folder = sharedFolder()
const run = join(folder, "run")
const inRun = (name: string) => join(run, name)

// Half the side and no augmentation: what one pass over 10,000 images learns best.
const recipe =
  "--epochs 1 --image-size 16 --batch-size 16 --drop-path 0 --label-smoothing 0 --crop none --no-flip --lr 0.003"
let outcome: Outcome
beforeAll(async () => {
  outcome = await convnext(["train", ...recipe.split(" "), "--out", run])
})

test("one pass over the images that come along reaches a top-1 of 75 %", () => {
  expect(outcome.code, outcome.stderr).toBe(0)
  const top1 = Number(/best top-1 ([\d.]+)% in epoch 1/.exec(outcome.stdout)![1])
  expect(top1).toBeGreaterThan(75)
  expect(top1).toBeLessThan(95)
})

test("progress goes to stderr, and the result with what to do next to stdout", () => {
  const lines = outcome.stderr.trimEnd().split("\n")
  expect(lines[0]).toMatch(/10 classes, 10,000 images to learn from, 2,000 to measure on$/)
  expect(lines[1]).toMatch(/^computing on \S+: /)
  expect(lines[2]).toMatch(/^training convnext_mini \(403k parameters\) for 1 epoch of 625 steps in /)
  expect(lines[3]).toMatch(/^epoch 1\/1 {2}loss 0\.\d{4}, val 0\.\d{4} {2}top-1 \d\d\.\d% {2}\d+ images\/s {2}/)
  expect(lines).toHaveLength(4)
  expect(outcome.stdout).toContain(`report  ${inRun("report.html")}`)
  expect(outcome.stdout).toContain(`convnext predict ${run} `)
})

test("a run folder holds the configuration, labels, metrics, checkpoints, state, report and ONNX model", () => {
  const names = readdirSync(run).map((name) => name.replace(/^(events\.out\.tfevents)\.\d+\..+\.\d+$/, "$1"))
  expect(names.sort()).toEqual([
    "best.safetensors",
    "config.yaml",
    "events.out.tfevents",
    "labels.json",
    "last.safetensors",
    "metrics.csv",
    "model.onnx",
    "report.html",
    "state-2-0.safetensors",
    "state.json",
  ])
  expect(JSON.parse(readFileSync(inRun("labels.json"), "utf8"))).toContain("Ankle boot")
})

test("config.yaml has a value for every option that decides the result, and trains again", async () => {
  const config = parse(readFileSync(inRun("config.yaml"), "utf8"))
  const open = ["data", "weights", "freeze", "out", "name", "resume", "threads", "workers", "limitBatches"]
  const decided = Object.keys(trainOptions.shape).filter((name) => !open.includes(name))
  expect(Object.keys(config).sort()).toEqual(decided.sort())
  expect(config).toMatchObject({ model: "convnext_mini", epochs: 1, imageSize: 16, batchSize: 16, lr: 0.003, seed: 0 })

  const again = ["train", "--config", inRun("config.yaml"), "--fast-dev-run", "--out", join(folder, "again")]
  const { code, stderr } = await convnext(again)
  expect(code, stderr).toBe(0)
  expect(stderr).toContain("for 1 epoch of 2 steps")
})

test("metrics.csv has a header and a row for the epoch", () => {
  const [header, row, end] = readFileSync(inRun("metrics.csv"), "utf8").split("\r\n")
  expect(header).toBe(
    "epoch,step,trainLoss,valLoss,top1,top5,lr,gradNorm,imagesPerSecond,waitShare,memoryBytes,seconds",
  )
  expect(row).toMatch(/^1,625(,[\d.e-]+){10}$/)
  expect(end).toBe("")
})

test("the event file holds the scalars for TensorBoard", () => {
  const name = readdirSync(run).find((file) => file.startsWith("events.out.tfevents."))!
  const content = readFileSync(inRun(name), "latin1")
  for (const text of ["brain.Event:2", "loss/train", "loss/val", "accuracy/top1", "train/lr"]) {
    expect(content).toContain(text)
  }
})

test("report.html shows the curves, every class and mistakes, and asks nothing of the network", () => {
  const report = readFileSync(inRun("report.html"), "utf8")
  for (const name of JSON.parse(readFileSync(inRun("labels.json"), "utf8")) as string[]) expect(report).toContain(name)
  for (const id of ["curves", "confusion", "classes", "mistakes", "throughput"]) expect(report).toContain(`id="${id}"`)
  expect(report.match(/<svg/g)!.length).toBeGreaterThan(3)
  expect(report.match(/data:image\/png;base64,/g)!.length).toBeGreaterThan(24)
  expect(report).not.toMatch(/https?:\/\/|<link|<iframe|@import|url\((?!['"]?data:)/)
})

test("best.safetensors has timm's names and says what model it is", async () => {
  const tensors = await loadTensors(inRun("best.safetensors"))
  expect(tensors["stem.0.weight"]!.shape).toEqual([32, 1, 2, 2])
  expect(tensors["stages.0.blocks.0.conv_dw.weight"]!.shape.slice(1)).toEqual([1, 7, 7])
  expect(tensors["stages.1.downsample.1.weight"]!.shape).toEqual([64, 32, 2, 2])
  expect(tensors["stages.1.blocks.0.mlp.fc1.weight"]!.shape).toEqual([256, 64])
  expect(tensors["head.norm.weight"]!.shape).toEqual([128])
  expect(tensors["head.fc.weight"]!.shape).toEqual([10, 128])
  // It fits a model that was made by hand, without a word about the run.
  const model = await createModel("convnext_mini", { weights: tensors, numClasses: 10, inChannels: 1 })
  expect(model.parameterCount).toBe(403_114)
  expect((await loadRun(inRun("last.safetensors"))).dataConfig).toMatchObject({ inputSize: 16, channels: 1 })
})

describe("the trained model", () => {
  const photos = join(folder, "photos")
  let images: Float32Array[]
  beforeAll(async () => {
    const { val } = await openEmbedded()
    const prepare = evalTransform((await loadRun(run)).dataConfig)
    images = []
    for (let i = 0; i < 5; i++) {
      const { width, height, data } = await val.read(i)
      const file = sharp(data, { raw: { width, height, channels: 1 } }).png()
      writeFile(join(photos, `${i}.png`), await file.toBuffer())
      images.push(prepare(await val.read(i)).data)
    }
  })

  test("as ONNX gives what `convnext predict` says, for batches of 1 and of 5", async () => {
    const { results } = await convnextJson<{ results: FilePrediction[] }>(["predict", run, photos, "--top-k", "10"])
    const session = await InferenceSession.create(inRun("model.onnx"))
    for (const [first, count] of [
      [4, 1],
      [0, 5],
    ] as const) {
      const batch = new Float32Array(images.slice(first, first + count).flatMap((image) => [...image]))
      const { logits } = await session.run({ images: new Tensor("float32", batch, [count, 1, 16, 16]) })
      expect(logits!.dims).toEqual([count, 10])
      for (let n = 0; n < count; n++) {
        const probabilities = softmax((logits!.data as Float32Array).subarray(n * 10, (n + 1) * 10))
        for (const { index, probability } of results[first + n]!.predictions) {
          expect(probabilities[index]).toBeCloseTo(probability, 5)
        }
      }
    }
    await session.release()
  })
})

function softmax(logits: Float32Array): number[] {
  const powers = [...logits].map((value) => Math.exp(value))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}

describe("the folder of a run", () => {
  test("is not written over, be it a run or something else", async () => {
    const before = readFileSync(inRun("metrics.csv"))
    const again = await convnext(["train", ...quickTraining, "--out", run])
    expect(again.code).toBe(1)
    expect(again.stderr.trimEnd().split("\n").at(-1)).toBe(
      `convnext: ${run} holds a run already: choose another --out, or go on with it by --resume ${run}`,
    )
    expect(readFileSync(inRun("metrics.csv"))).toEqual(before)

    const notes = join(folder, "notes")
    writeFile(join(notes, "todo.txt"), "nothing")
    const intoNotes = await convnext(["train", ...quickTraining, "--out", notes])
    expect(intoNotes).toMatchObject({
      code: 1,
      stderr: `convnext: ${notes} is not empty: choose another --out for the run\n`,
    })
    expect(readdirSync(notes)).toEqual(["todo.txt"])
  })

  test("has a name by default, with a number if it is taken", async () => {
    const cwd = join(folder, "desk")
    await writeColourFolder(join(cwd, "my colours"))
    for (let i = 0; i < 2; i++) {
      const { code, stderr } = await convnext(["train", "my colours", "--fast-dev-run", ...quickTraining], { cwd })
      expect(code, stderr).toBe(0)
    }
    expect(readdirSync(join(cwd, "runs")).sort()).toEqual(["my-colours-convnext_mini", "my-colours-convnext_mini-2"])
  })
})
