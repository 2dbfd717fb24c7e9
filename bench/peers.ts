/** This package beside what people would use instead, side by side on the same threads. */

import { existsSync } from "node:fs"
import { availableParallelism } from "node:os"
import type { Benchmark, Row } from "./benchmark.ts"
import { formatGigabytes, formatSpread } from "./measure.ts"
import { jaxPeer, onnxRuntimePeer, peerPackage, peerPython, subjectWorker, tensorflowPeer, torchPeer } from "./paths.ts"
import { type Comparison, compare, type SubjectStart, speedRatio, type Work } from "./subject.ts"

const OURS = "convnext"

/** One row of the comparison. */
interface Case {
  /** In other words than the work's own, where those say too little. */
  what?: string
  work: Work
  /** Least ratio to the best peer. */
  goal?: number
  /** Whether the peers' half-precision step is shown, too. */
  bf16?: boolean
}

const cores = availableParallelism()

const train = (model: string, goal: number, more: Partial<Work> = {}): Case => ({
  work: { work: "train", model, batch: 8, size: 224, threads: cores, ...more },
  goal,
})

const training: readonly Case[] = [
  { ...train("convnext_tiny", 1.15), bf16: true },
  train("convnext_tiny", 1.15, { batch: 32 }),
  train("convnext_small", 1.35, { dropPathRate: 0.4 }),
  train("convnext_base", 1.45, { dropPathRate: 0.5 }),
  train("vit_small_patch16_224", 1),
  train("swin_tiny_patch4_window7_224", 1),
  train("convnextv2_tiny", 1),
  train("resnet50", 0.85),
]

const fineTuning: readonly Case[] = [
  train("convnext_tiny", 1.5, { freeze: "backbone" }),
  train("convnext_tiny", 1.5, { freeze: "stages" }),
]

const infer = (model: string, batch: number, threads: number): Case => ({
  work: { work: "infer", model, batch, size: 224, threads },
  goal: 1.15,
})

const inference: readonly Case[] = [
  "convnext_tiny",
  "convnext_base",
  "resnet50",
  "vit_small_patch16_224",
  "swin_tiny_patch4_window7_224",
].flatMap((model) => [infer(model, 1, 1), infer(model, 1, cores), infer(model, 8, cores), infer(model, 32, cores)])

export const trainingPeers = comparison(
  "train-peers",
  "A training step with clipping, AdamW and EMA, 224 px, beside PyTorch",
  training,
)
export const fineTuningPeers = comparison(
  "tune-peers",
  "Fine-tuning with a frozen backbone, 224 px, beside PyTorch",
  fineTuning,
)
export const inferencePeers = comparison(
  "infer-peers",
  "Inference, 224 px, beside PyTorch, ONNX Runtime, tensorflow.js and jax-js",
  inference,
)

function comparison(name: string, title: string, cases: readonly Case[]): Benchmark {
  return {
    name,
    title,
    async run(filter) {
      const rows: Row[] = []
      for (const one of cases) {
        if (filter !== undefined && !describe(one.work).includes(filter)) continue
        rows.push(...rowsOf(one, await compare(subjects(one), ...repetitions(one.work))))
      }
      return rows
    },
  }
}

/** Rounds, and runs of a turn: short work needs more of them, and is cold at the beginning of a turn. */
function repetitions({ work, batch }: Work): [rounds: number, runs: number] {
  if (work === "train" || batch > 8) return [7, 1]
  return batch === 1 ? [9, 10] : [7, 3]
}

function subjects(one: Case): SubjectStart[] {
  const own = { name: OURS, program: process.execPath, args: [subjectWorker], options: one.work }
  return [own, ...pythonPeers(one), ...nodePeers(one.work)]
}

function pythonPeers({ work, bf16 = false }: Case): SubjectStart[] {
  if (!existsSync(peerPython)) return []
  const torch = (name: string, options: object): SubjectStart => ({
    name,
    program: peerPython,
    args: [torchPeer],
    options: { ...work, layout: "contiguous", compile: false, bf16: false, ...options },
  })
  const onnxRuntime = { name: "ONNX Runtime", program: peerPython, args: [onnxRuntimePeer], options: work }
  return [
    torch("PyTorch", {}),
    torch("PyTorch, channels last", { layout: "channels_last" }),
    torch("PyTorch, compiled", { layout: "channels_last", compile: true }),
    ...(work.work === "infer" ? [onnxRuntime] : []),
    ...(bf16 ? [torch(BF16, { layout: "channels_last", bf16: true })] : []),
  ]
}

/** The sizes of the models that are written out for peers that bring none, and the largest batch that they are asked for. */
const writtenOut: Readonly<Record<string, { depths: number[]; dims: number[] }>> = {
  convnext_tiny: { depths: [3, 3, 9, 3], dims: [96, 192, 384, 768] },
  convnext_base: { depths: [3, 3, 27, 3], dims: [128, 256, 512, 1024] },
}
const WRITTEN_OUT_BATCH = 8

function nodePeers(work: Work): SubjectStart[] {
  const sizes = writtenOut[work.model]
  if (work.work !== "infer" || !sizes || work.batch > WRITTEN_OUT_BATCH) return []
  const isNative = existsSync(peerPackage("@tensorflow/tfjs-node"))
  const peers = [
    isNative
      ? { name: "tensorflow.js, native", package: "@tensorflow/tfjs-node", script: tensorflowPeer, backend: "native" }
      : {
          name: "tensorflow.js, WebAssembly on 1 thread",
          package: "@tensorflow/tfjs-backend-wasm",
          script: tensorflowPeer,
          backend: "wasm",
        },
    { name: "jax-js, WebAssembly on 1 thread", package: "@jax-js/jax", script: jaxPeer },
  ]
  return peers
    .filter((peer) => existsSync(peerPackage(peer.package)))
    .map(({ name, script, backend }) => ({
      name,
      program: process.execPath,
      args: [script],
      options: { ...work, ...sizes, backend },
      mayBeSlow: true,
    }))
}

/** For information: other arithmetic is another comparison. */
const BF16 = "PyTorch, bfloat16"

function describe({ work, model, batch, threads, dropPathRate, freeze }: Work): string {
  const parts = [model, `batch ${batch}`, work === "infer" && `${threads} ${threads === 1 ? "thread" : "threads"}`]
  if (dropPathRate) parts.push(`drop path ${dropPathRate}`)
  if (freeze) parts.push(freeze === "backbone" ? "only the classifier" : "only the last stage")
  return parts.filter(Boolean).join(", ")
}

function rowsOf({ work, goal }: Case, { measured, failed }: Comparison): Row[] {
  const what = describe(work)
  const own = measured.find(({ name }) => name === OURS)
  const peers = measured.filter(({ name }) => name !== OURS && name !== BF16)
  const each = measured.map(
    ({ name, spread, peakBytes, isSlow }): Row => ({
      what: `${what}: ${name}`,
      result: `${formatSpread(spread)}, ${formatGigabytes(peakBytes)}${isSlow ? "; too slow for more than one turn" : ""}`,
    }),
  )
  const missing = failed.map(({ name, reason }): Row => ({ what: `${what}: ${name}`, result: `failed: ${reason}` }))
  const versions = Object.assign({}, ...measured.map((one) => one.versions))
  if (!own || peers.length === 0) {
    const why =
      missing.length > 0 ? "none of them ran" : `none is installed: \`npm run bench:peers\` does (${peerPython})`
    return [{ what: `**${what}**`, result: `nothing to compare with: ${why}`, versions }, ...each, ...missing]
  }
  const ratios = peers.map((peer) => ({ name: peer.name, ratio: speedRatio(own, peer) }))
  const { name: best, ratio } = ratios.reduce((least, each) => (each.ratio < least.ratio ? each : least))
  // A bar ten times as long would leave nothing to see of the others.
  const bars = measured.filter(({ isSlow }) => !isSlow)
  const summary: Row = {
    what: `**${what}**`,
    result: `**${ratio.toFixed(2)}x** the speed of ${best}`,
    goal: goal === undefined ? undefined : `>= ${goal}x`,
    chart: { ratio, bars: bars.map(({ name, spread }) => ({ name, ...spread })) },
    versions,
  }
  return [summary, ...each, ...missing]
}
