/** The package as people get it: packed, installed in another folder, and used there. */

import { execFile } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import ts from "typescript"
import { beforeAll, expect, test } from "vitest"
import { exportedFunctions, typeErrors } from "./support/declarations.ts"
import { sharedFolder } from "./support/images.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }
const folder = sharedFolder()
const consumer = join(folder, "a program of another")

/** What `npm pack` tells of the package. */
interface Packed {
  filename: string
  /** Bytes, packed and unpacked. */
  size: number
  unpackedSize: number
  files: { path: string }[]
}

let packed: Packed

/** Runs a program in the folder of the other program and gives what it printed. */
async function run(program: string, args: readonly string[], cwd = consumer): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { cwd, shell: process.platform === "win32" })
  return stdout
}

/** Runs a module of the other program and gives what it printed. */
function runModule(name: string, code: string): Promise<string> {
  writeFileSync(join(consumer, name), code)
  return run(process.execPath, [name])
}

beforeAll(async () => {
  mkdirSync(consumer)
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ name: "program", private: true, type: "module" }))
  packed = (JSON.parse(await run("npm", ["pack", "--json", "--pack-destination", folder], root)) as Packed[])[0]!
  const quietly = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]
  await run("npm", ["install", ...quietly, join(folder, packed.filename)])
})

test("the package holds the program, the images that come along and the licences, and no tests", () => {
  const paths = packed.files.map(({ path }) => path)
  for (const path of [
    "bin/convnext.js",
    "dist/index.js",
    "dist/index.d.ts",
    "dist/nn/index.d.ts",
    "dist/data/node/worker.js",
    "dist/cli/main.js",
    "assets/fashion-mnist/train-images-idx3-ubyte.gz",
    "assets/fashion-mnist/LICENSE",
    "CHANGELOG.md",
    "LICENSE",
    "NOTICE",
    "README.md",
    "package.json",
  ]) {
    expect(paths).toContain(path)
  }
  const folders = new Set(paths.map((path) => path.split("/")[0]))
  expect([...folders].sort()).toEqual(
    ["CHANGELOG.md", "LICENSE", "NOTICE", "README.md", "assets", "bin", "dist", "package.json"].sort(),
  )
  expect(paths.filter((path) => /\.(test|fixture)\./.test(path))).toEqual([])
  console.log(`packed ${(packed.size / 1e6).toFixed(1)} MB, unpacked ${(packed.unpackedSize / 1e6).toFixed(1)} MB`)
  // 5.3 MB of it are the images that come along.
  expect(packed.size).toBeLessThan(8e6)
})

test("what is built imports .js files and packages, never sources", async () => {
  const built = packed.files.map(({ path }) => path).filter((path) => /^dist\/.*\.(js|d\.ts)$/.test(path))
  const wrong = built.flatMap((path) =>
    ts
      .preProcessFile(readFileSync(join(consumer, "node_modules/convnext", path), "utf8"))
      .importedFiles.filter(({ fileName }) => fileName.startsWith(".") && !fileName.endsWith(".js"))
      .map(({ fileName }) => `${path} -> ${fileName}`),
  )
  expect(built.length).toBeGreaterThan(200)
  expect(wrong).toEqual([])
})

test("all entry points work in a program", async () => {
  const code = `
    import { createModel } from "convnext"
    import { evaluate, grad, input, mul, ndarray, sum } from "convnext/nn"
    import { createImage, evalTransform, openEmbedded } from "convnext/data"

    const model = await createModel("convnext", {
      config: { depths: [1, 1], dims: [8, 16], patchSize: 2 },
      numClasses: 3,
      inputSize: 16,
    })
    const { shape } = await model.forward(evalTransform(model.dataConfig)(createImage(20, 30, 3)))
    const x = input("x", [2])
    const [dx] = grad(sum(mul(x, x)), [x])
    const { train } = await openEmbedded()
    console.log(JSON.stringify({ shape, dx: [...evaluate({ dx }, { x: ndarray([1, 2]) }).dx.data], images: train.length }))
  `
  expect(JSON.parse(await runModule("entry-points.js", code))).toEqual({ shape: [1, 3], dx: [2, 4], images: 10_000 })
})

const program = `
  import { createModel, type Model, type Prediction, predict, train } from "convnext"
  import { type Batch, createLoader, type Image, resize } from "convnext/data"
  import { type Context, Linear, Module, type Tensor } from "convnext/nn"

  export class Block extends Module {
    readonly fc = new Linear(4, 4)
    forward(x: Tensor, _context: Context): Tensor {
      return this.fc.forward(x)
    }
  }
  export const model: Model = await createModel("convnext_tiny", { numClasses: 37 })
  export const [best]: Prediction[] = await predict(model, "cat.jpg")
  export const small = (image: Image) => resize(image, { width: 8, height: 8, filter: "bicubic" })
  export const batchSize = ({ targets }: Batch): number => targets.length
  export const stopped: "done" | "patience" | "signal" = (await train(undefined, { epochs: 1 })).stopped
  export { createLoader }
`

test("the declarations are complete, and know a mistake", () => {
  const right = join(consumer, "program.ts")
  const wrong = join(consumer, "wrong.ts")
  writeFileSync(right, program)
  writeFileSync(wrong, 'import { train } from "convnext"\nawait train(undefined, { epochs: "three" })\n')
  expect(typeErrors([right, wrong])).toEqual([
    expect.stringMatching(/wrong\.ts:2: Type 'string' is not assignable to type 'number'/),
  ])
})

test("every exported function has a doc comment", () => {
  const entries = ["index.d.ts", "nn/index.d.ts", "data/node/index.d.ts"]
  const functions = exportedFunctions(entries.map((path) => join(consumer, "node_modules/convnext/dist", path)))
  expect(functions.map(({ name }) => name)).toEqual(expect.arrayContaining(["createModel", "grad", "createLoader"]))
  expect(functions.filter(({ documented }) => !documented).map(({ name }) => name)).toEqual([])
})

test("outside of Node, convnext/data has what needs no files", () => {
  const bundler = { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler }
  const file = join(consumer, "page.ts")
  writeFileSync(
    file,
    'export { createImage, resize } from "convnext/data"\nexport { createLoader } from "convnext/data"\n',
  )
  expect(typeErrors([file], bundler)).toEqual([
    expect.stringMatching(/page\.ts:2: .*no exported member 'createLoader'/),
  ])
})

test("the program says its version, trains on the images that come along, and predicts", async () => {
  expect((await run("npx", ["convnext", "--version"])).trim()).toBe(version)
  await run("npx", ["convnext", "train", "--fast-dev-run", "--out", "r"])
  const image = "node_modules/convnext/assets/fashion-mnist/examples/bag.png"
  const { results } = JSON.parse(await run("npx", ["convnext", "predict", "r", image, "--top-k", "3", "--json"]))
  expect(results).toEqual([{ file: image, predictions: expect.any(Array) }])
  expect(results[0].predictions).toHaveLength(3)
})
