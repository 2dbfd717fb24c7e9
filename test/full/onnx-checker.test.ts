/**
 * What is written as ONNX, checked by the checker of ONNX itself, with its inference of shapes and types. Needs a Python
 * that has the package onnx: CONVNEXT_PYTHON names it, else python3 is tried.
 */

import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { compile } from "../../src/compile/compile.ts"
import { decodeOnnx } from "../../src/compile/onnx/decode.ts"
import { createModel, exportOnnx } from "../../src/index.ts"
import * as ops from "../../src/tensor/ops/index.ts"
import { Tensor } from "../../src/tensor/tensor.ts"
import { buildStepGraph } from "../../src/train/step-graph.ts"
import { operators } from "./operators.ts"

const python = process.env.CONVNEXT_PYTHON ?? "python3"
const hasOnnx = spawnSync(python, ["-c", "import onnx"]).status === 0
const reason = `${python} has no package onnx; name a Python that has it by CONVNEXT_PYTHON`

const folder = mkdtempSync(join(tmpdir(), "convnext-checker-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** Fails with what the checker says unless it accepts the file. */
function check(path: string): void {
  const script = "import onnx, sys; onnx.checker.check_model(sys.argv[1], full_check=True)"
  const { status, stderr } = spawnSync(python, ["-c", script, path], { encoding: "utf8" })
  expect(stderr.split("\n").slice(-12).join("\n")).toBe("")
  expect(status).toBe(0)
}

function checkBytes(name: string, model: Uint8Array): void {
  const path = join(folder, `${name}.onnx`)
  writeFileSync(path, model)
  check(path)
}

describe.skipIf(!hasOnnx)(`the ONNX checker${hasOnnx ? "" : ` (skipped: ${reason})`} accepts`, () => {
  test.each([["whole"], ["with its weights beside it"]])("an exported model, %s", async (form) => {
    const model = await createModel("convnext_mini", { numClasses: 10, threads: 1 })
    const maxEmbedded = form === "whole" ? undefined : 1000
    const { path, dataPath } = await exportOnnx(model, join(folder, "mini.onnx"), { maxEmbedded })
    expect(dataPath !== undefined).toBe(form !== "whole")
    check(path)
    await model.dispose()
  })

  test("a training step in its portable form", async () => {
    const { network } = await createModel("convnext_mini", { numClasses: 10, dropPathRate: 0.1, threads: 1 })
    const trained = [...network.parameters.keys()]
    const { graph } = buildStepGraph(network, { images: [2, 32, 32, 3], trained, recompute: "none" })
    const { model } = compile(graph, { name: "step" })
    expect(Object.keys(decodeOnnx(model).opsets)).toEqual([""])
    checkBytes("step", model)
  })

  test.each(Object.entries(operators))("the operator %s", (name, build) => {
    const built = build()
    const outputs = built instanceof Tensor ? [built] : built
    const graph = Object.fromEntries(outputs.map((y, i) => [`y${i}`, y]))
    const { model } = compile(graph, { name })
    expect(Object.keys(decodeOnnx(model).opsets)).toEqual([""])
    checkBytes(name, model)
  })

  test("one graph of all operators", () => {
    const graph = Object.entries(operators).flatMap(([name, build]) => {
      const built = build()
      return (built instanceof Tensor ? [built] : built).map((y, i): [string, Tensor] => [`${name}/${i}`, y])
    })
    checkBytes("all", compile(Object.fromEntries(graph), { name: "all" }).model)
  })
})

test("no operator is missing here", () => {
  expect(Object.keys(operators).sort()).toEqual(Object.keys(ops).sort())
})
