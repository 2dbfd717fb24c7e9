/** `convnext models FILE.onnx`: what a model that any exporter wrote is made of. */

import { decodeOnnx } from "../compile/onnx/decode.ts"
import type { OnnxGraph, OnnxValue } from "../compile/onnx/description.ts"
import { type OnnxLayer, type OnnxSummary, summarizeOnnx } from "../compile/onnx/summary.ts"
import { formatInteger } from "../report/format.ts"
import { InputError } from "../tensor/errors.ts"
import { openFile } from "../weights/node/byte-source.ts"
import type { CommandResult } from "./command.ts"
import { formatCount, formatTable } from "./table.ts"

/** Protobuf's limit. */
const MAX_BYTES = 2 ** 31 - 1

/** Whether the argument means a file rather than the name of a model. */
export function isOnnxFile(argument: string): boolean {
  return argument.toLowerCase().endsWith(".onnx")
}

/** Describes the model in a file. Throws an InputError if it cannot be read or is no ONNX model. */
export async function onnxSummary(path: string): Promise<CommandResult> {
  const summary = summarizeOnnx(await readOnnx(path))
  return { json: { file: path, ...summary }, text: () => summaryText(summary) }
}

/** Reads the model file alone: the weights that it may have in other files are not needed. */
async function readOnnx(path: string): Promise<OnnxGraph> {
  const source = await openFile(path)
  try {
    if (source.size > MAX_BYTES) {
      throw new InputError(`cannot read ${path}: it is no ONNX model: it has more than 2 GB, which none can have`)
    }
    const bytes = new Uint8Array(source.size)
    await source.read(0, bytes)
    return decodeOnnx(bytes, path)
  } finally {
    await source.close()
  }
}

/** The summary as people read it: what the model takes, gives and costs; its operators; its layers. */
export function summaryText(summary: OnnxSummary): string {
  const { producer, irVersion, opsets, inputs, outputs, operators, unknownOperators, layers } = summary
  const sets = Object.entries(opsets).map(([domain, version]) => `${domain === "" ? "opset" : domain} ${version}`)
  const facts: [string, string][] = [
    ["format", [`ONNX IR ${irVersion}`, ...sets].join(", ")],
    ["producer", producer || "unknown"],
    ...inputs.map((value): [string, string] => ["input", valueText(value)]),
    ...outputs.map((value): [string, string] => ["output", valueText(value)]),
    ["parameters", exactly(summary.parameters)],
    ["MACs", macsText(summary)],
    ["operators", listText(Object.entries(operators).map(([name, count]) => `${name} ${count}`))],
  ]
  if (unknownOperators.length > 0) facts.push(["unknown", listText(unknownOperators)])
  const width = Math.max(...facts.map(([name]) => name.length))
  const lines = facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`)
  return [...lines, "", layerTable(layers)].join("\n")
}

function valueText({ name, dtype, shape }: OnnxValue): string {
  return `${name}  ${dtype ?? "unknown type"} ${shapeText(shape)}`
}

function shapeText(shape: OnnxValue["shape"]): string {
  return shape ? `[${shape.map((dim) => dim ?? "?").join(", ")}]` : "?"
}

function exactly(count: number): string {
  return count < 1000 ? String(count) : `${formatCount(count)} (${formatInteger(count)})`
}

function macsText({ macs, unknownMacs }: OnnxSummary): string {
  const known = `${exactly(macs)} for one image`
  if (unknownMacs.length === 0) return known
  const names = unknownMacs.slice(0, 3).join(", ")
  return `at least ${known}: of ${unknownMacs.length} layers the shapes are not known, as ${names}`
}

/** Items of a long list, as many in a line as fit, below each other. */
function listText(items: readonly string[], width = 80): string {
  const lines: string[] = []
  for (const item of items) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + item.length + 2 <= width) lines[lines.length - 1] = `${last}, ${item}`
    else lines.push(item)
  }
  return lines.join(`,\n${" ".repeat(12)}`)
}

function layerTable(layers: readonly OnnxLayer[]): string {
  return formatTable(
    [
      { header: "layer" },
      { header: "operator" },
      { header: "output" },
      { header: "parameters", align: "right" },
      { header: "MACs", align: "right" },
    ],
    layers.map(({ name, op, outputShape, parameters, macs }) => [
      name,
      op,
      shapeText(outputShape),
      formatCount(parameters),
      macs === undefined ? "?" : formatCount(macs),
    ]),
  )
}
