/** Folders of images as people have them: many formats, broken files, strange names. */

import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import type { Evaluation, FilePrediction, TrainResult } from "../../src/index.ts"
import { convnext, convnextJson, type Outcome } from "../support/cli.ts"
import {
  type Colour,
  colourPicture,
  everyFlavour,
  sharedFolder,
  writeColourFolder,
  writeFile,
} from "../support/images.ts"

const folder = sharedFolder()
/** Classes whose names need care on a command line, in HTML and in CSV. */
const classNames: Record<Colour, string> = {
  red: "<script>alert('red')</script>".replaceAll("/", ":"),
  green: 'Grün, "vert" & 緑 green',
  blue: "bleu ciel blue",
}
const names = Object.values(classNames)
const run = join(folder, "a run, 'quoted'")
const data = join(folder, "my data")
const broken = {
  "train/red/cut short.png": async () => (await colourPicture("red", 1).png().toBuffer()).subarray(0, 300),
  "train/red/cut short.jpg": async () =>
    (await colourPicture("red", 2, [200, 200]).jpeg().toBuffer()).subarray(0, 3000),
  "train/green/notes.jpg": async () => Buffer.from("these are my notes"),
  "train/blue/empty.webp": async () => Buffer.alloc(0),
  "val/blue/cut.gif": async () => (await colourPicture("blue", 3).gif().toBuffer()).subarray(0, 20),
}
const place = (path: string) =>
  join(
    data,
    path.replace(/red|green|blue/, (colour) => classNames[colour as Colour]),
  )

interface Predictions {
  count: number
  failed: number
  results: FilePrediction[]
}

let trained: Outcome
beforeAll(async () => {
  for (const colour of Object.keys(classNames) as Colour[]) {
    for (const [name, content] of Object.entries(await everyFlavour(colour))) {
      writeFile(place(`train/${colour}/${name}`), content)
    }
    for (let i = 0; i < 4; i++) {
      writeFile(place(`val/${colour}/${i} é.png`), await colourPicture(colour, i).png().toBuffer())
    }
  }
  for (const [path, content] of Object.entries(broken)) writeFile(place(path), await content())
  const options = ["--epochs", "4", "--image-size", "16", "--batch-size", "6", "--workers", "2"]
  trained = await convnext(["train", data, ...options, "--out", run])
})

describe("training", () => {
  test("reads every format and learns the colours", () => {
    expect(trained.code, trained.stderr).toBe(0)
    expect(trained.stderr).toContain("image folder, 3 classes, 43 images to learn from, 13 to measure on")
    expect(trained.stdout).toContain("best top-1 100.0%")
  })

  test("skips, counts and names what cannot be read, and the report does too", () => {
    expect(trained.stderr).toMatch(/skipped \d unreadable images?: /)
    const { skipped } = JSON.parse(readFileSync(join(run, "state.json"), "utf8")) as {
      skipped: { source: string; reason: string }[]
    }
    const wanted = Object.keys(broken).map(place)
    expect(skipped.map(({ source }) => source).sort()).toEqual(wanted.sort())
    const reasonOf = (name: string) => skipped.find(({ source }) => source.endsWith(name))!.reason
    expect(reasonOf("notes.jpg")).toMatch(/it is a text file/)
    expect(reasonOf("empty.webp")).toMatch(/the file is empty/)
    expect(reasonOf("cut short.jpg")).toMatch(/cut short or damaged/)
    const report = readFileSync(join(run, "report.html"), "utf8")
    for (const { source } of skipped) expect(report).toContain(escapeHtml(source))
  })

  test("names of classes are text in the report, never markup", () => {
    const report = readFileSync(join(run, "report.html"), "utf8")
    expect(report).not.toContain("<script>alert")
    for (const name of names) expect(report).toContain(escapeHtml(name))
    expect(JSON.parse(readFileSync(join(run, "labels.json"), "utf8")).sort()).toEqual([...names].sort())
  })

  test("stops at what cannot be read with --strict", async () => {
    const out = join(folder, "strict")
    const { code, stderr } = await convnext(["train", data, "--strict", "--image-size", "8", "--out", out])
    expect(code).toBe(1)
    const last = stderr.trimEnd().split("\n").at(-1)!
    expect(last).toMatch(/^convnext: cannot read image .*(cut short\.(png|jpg)|notes\.jpg|empty\.webp)/)
  })

  test("divides a folder of classes itself, and warns of a class with one image", async () => {
    const flat = await writeColourFolder(join(folder, "flat"), { red: 10, green: 10, blue: 1 })
    const out = join(folder, "flat run")
    const { code, stderr } = await convnext(["train", flat, "--fast-dev-run", "--image-size", "8", "--out", out])
    expect(code, stderr).toBe(0)
    expect(stderr).toContain("image folder, 3 classes, 17 images to learn from, 4 to measure on (20% of each class)")
    expect(stderr).toMatch(/blue/)
  })

  test("ends when no image can be read at all", async () => {
    const text = join(folder, "text")
    for (const name of ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"]) writeFile(join(text, name), "no image")
    const { code, stderr } = await convnext(["train", text, "--image-size", "8", "--out", join(folder, "text run")])
    expect(code).toBe(1)
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(
      /^convnext: none of the 2 images can be read, for example .*\.jpg: it is a text file$/,
    )
  })
})

describe("predicting", () => {
  test("every format is what its colour is", async () => {
    for (const colour of ["red", "green"] as const) {
      const folderOf = place(`train/${colour}/plain.png`).replace("/plain.png", "")
      const { results, count, failed } = await convnextJson<Predictions>(["predict", run, folderOf, "--top-k", "1"])
      const unreadable = Object.keys(broken).filter((path) => path.startsWith(`train/${colour}/`)).length
      expect({ count, failed }).toEqual({ count: 13 + unreadable, failed: unreadable })
      for (const { file, predictions, error } of results) {
        if (error === undefined) expect(predictions[0]!.label, file).toBe(classNames[colour])
        else expect(predictions).toEqual([])
      }
    }
  })

  test("takes files, folders and patterns, in their order and each once", async () => {
    const [first, second] = [place("val/blue/1 é.png"), place("val/blue/0 é.png")]
    const pattern = join(data, "val/bleu*/*.png")
    const { results } = await convnextJson<Predictions>(["predict", run, first, second, pattern, "--top-k", "2"])
    expect(results.map(({ file }) => file)).toEqual([
      first,
      ...[0, 2, 3].toSpliced(0, 1, 0).map((i) => place(`val/blue/${i} é.png`)),
    ])
    for (const { predictions } of results) {
      expect(predictions).toHaveLength(2)
      expect(predictions[0]!.probability).toBeGreaterThan(predictions[1]!.probability)
    }
  })

  test("as CSV quotes what needs it, and names the unreadable on stderr", async () => {
    const files = [place("val/green/0 é.png"), place("train/green/notes.jpg")]
    const { code, stdout, stderr } = await convnext(["predict", run, ...files, "--csv", "--top-k", "1"])
    expect(code).toBe(0)
    const [header, row, ...more] = stdout.trimEnd().split("\n")
    expect(header).toBe("file,rank,label,probability")
    expect(row!.slice(0, row!.lastIndexOf(","))).toBe(`${quoteCsv(files[0]!)},1,"Grün, ""vert"" & 緑 green"`)
    expect(more).toEqual([])
    expect(stderr).toBe(`cannot read image ${files[1]}: it is a text file\n1 of 2 files could not be read\n`)
  })

  test("fails if nothing could be read, and at once with --strict", async () => {
    const [notes, none] = [place("train/green/notes.jpg"), join(folder, "none.png")]
    expect(await convnext(["predict", run, notes, none])).toEqual({
      code: 1,
      signal: null,
      stdout: "",
      stderr: `cannot read image ${notes}: it is a text file\ncannot read image ${none}: there is no such file\nconvnext: no file could be read\n`,
    })
    const strict = await convnext(["predict", run, place("val/green/0 é.png"), none, "--strict"])
    expect(strict).toMatchObject({ code: 1, stderr: `convnext: cannot read image ${none}: there is no such file\n` })
  })
})

describe("evaluating", () => {
  test("gives the numbers that follow from the predictions", async () => {
    const evaluation = await convnextJson<Evaluation>(["eval", run, data])
    expect(evaluation.skipped.map(({ source }) => source)).toEqual([place("val/blue/cut.gif")])
    const { results } = await convnextJson<Predictions>(["predict", run, join(data, "val"), "--top-k", "3"])
    const readable = results.filter(({ error }) => error === undefined)
    const truth = ({ file }: FilePrediction) => names.find((name) => file.includes(`/${name}/`))!
    expect(evaluation.count).toBe(readable.length)
    const hits = readable.filter((result) => result.predictions[0]!.label === truth(result))
    expect(evaluation.top1).toBe(hits.length / readable.length)
    const losses = readable.map((result) => {
      return -Math.log(result.predictions.find(({ label }) => label === truth(result))!.probability)
    })
    expect(evaluation.loss).toBeCloseTo(losses.reduce((sum, loss) => sum + loss, 0) / losses.length, 5)
    for (const { name, support } of evaluation.perClass) {
      expect(support).toBe(readable.filter((result) => truth(result) === name).length)
    }
    expect(evaluation.classes.map((_, i) => evaluation.confusion[i]![i])).toEqual([4, 4, 4])
  })

  test("measures exactly as many images as --limit says", async () => {
    const { count, perClass } = await convnextJson<Evaluation>(["eval", run, data, "--limit", "5"])
    expect(count).toBe(5)
    // Of all classes, although the images of a folder lie class by class.
    expect(perClass.map(({ support }) => support)).toEqual([2, 2, 1])
  })

  test("measures what a run held out of a folder that was not divided, or all of it with --all", async () => {
    const flat = await writeColourFolder(join(folder, "undivided"), { red: 10, green: 10, blue: 10 })
    const out = join(folder, "undivided run")
    const options = ["--fast-dev-run", "--image-size", "8", "--val-fraction", "0.3", "--seed", "4"]
    const trained = await convnextJson<TrainResult>(["train", flat, ...options, "--limit-batches", "9", "--out", out])
    // The same folder by another name, and a checkpoint of the run.
    for (const [model, measured] of [
      [out, `${flat}/../undivided/`],
      [join(out, "best.safetensors"), flat],
    ] as const) {
      const { code, stderr, stdout } = await convnext(["eval", model, measured, "--json"])
      expect(code, stderr).toBe(0)
      expect(stderr).toBe(
        `${out} learned from the other images of ${measured}: only the 9 that it held out are measured\n`,
      )
      expect(JSON.parse(stdout)).toMatchObject({ count: 9, top1: trained.best.top1, warnings: [stderr.trimEnd()] })
    }
    expect(await convnext(["eval", out, flat, "--all"])).toMatchObject({
      code: 0,
      stderr: "",
      stdout: expect.stringContaining(" 30 images\n"),
    })
    rmSync(join(flat, "red", "0.png"))
    const changed = await convnext(["eval", out, flat])
    expect(changed.stdout).toContain(" 29 images\n")
    expect(changed.stderr).toMatch(
      /^.* has changed since .* all images are measured, also those that it learned from\n$/,
    )
  })

  test("shows a table for people, and stops at what cannot be read with --strict", async () => {
    const { code, stdout, stderr } = await convnext(["eval", run, data])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^top-1 100\.0% {2}top-5 100\.0% {2}loss \d\.\d{4} {2}12 images\n/)
    expect(stderr).toMatch(/^skipped .*cut\.gif: it is cut short or damaged .*\nnot counted: 1 unreadable image\n$/)
    const strict = await convnext(["eval", run, data, "--strict"])
    expect(strict.code).toBe(1)
    expect(strict.stderr).toMatch(/^convnext: cannot read image .*cut\.gif: .*\n$/)
  })
})

describe("exporting", () => {
  test("writes the checked file in the run, be it there or not", async () => {
    const onnx = join(run, "model.onnx")
    const trained = readFileSync(onnx)
    expect(await convnext(["export", run])).toMatchObject({ code: 0, stderr: `${onnx} was written again\n` })
    expect(readFileSync(onnx).equals(trained)).toBe(true)
    rmSync(onnx)
    const { path, bytes, maxDifference } = await convnextJson<{ path: string; bytes: number; maxDifference: number }>([
      "export",
      run,
    ])
    expect(path).toBe(onnx)
    expect(bytes).toBe(statSync(onnx).size)
    expect(maxDifference).toBeLessThan(1e-4)
  })

  test("writes over another file, or with other weights, with --force alone", async () => {
    const elsewhere = join(folder, "elsewhere.onnx")
    writeFile(elsewhere, "old")
    for (const [path, options] of [
      [elsewhere, ["--out", elsewhere]],
      [join(run, "model.onnx"), ["--checkpoint", "last"]],
    ] as const) {
      expect(await convnext(["export", run, ...options])).toMatchObject({
        code: 1,
        stderr: `convnext: ${path} exists; choose another file with --out, or overwrite it with --force\n`,
      })
    }
    expect(readFileSync(elsewhere, "utf8")).toBe("old")
    expect(await convnext(["export", run, "--out", elsewhere, "--force"])).toMatchObject({ code: 0 })
    expect(statSync(elsewhere).size).toBe(statSync(join(run, "model.onnx")).size)
  })

  test("takes the last checkpoint too, and another place", async () => {
    const out = join(folder, "last model.onnx")
    expect(await convnextJson(["export", run, "--checkpoint", "last", "--out", out])).toMatchObject({ path: out })
    expect(existsSync(out)).toBe(true)
  })
})

test("--json leaves nothing but the document on stdout", async () => {
  const flat = await writeColourFolder(join(folder, "json"))
  const out = join(folder, "json run")
  const result = await convnextJson<TrainResult>(["train", flat, "--fast-dev-run", "--image-size", "8", "--out", out])
  expect(result).toMatchObject({ folder: out, stopped: "done", onnxPath: join(out, "model.onnx") })
  expect(result.epochs).toHaveLength(1)
  expect(readdirSync(out)).toContain("report.html")
})

function escapeHtml(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" }
  return text.replace(/[&<>"']/g, (character) => entities[character]!)
}

function quoteCsv(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
