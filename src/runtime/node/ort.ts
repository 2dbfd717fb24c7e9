/** ONNX Runtime in Node: the native engine, and its WebAssembly build where that is asked for or nothing else is there. */

import { availableParallelism } from "node:os"
import type { InferenceSession } from "onnxruntime-common"
import { suggestion, UsageError } from "../../tensor/errors.ts"
import type { Backend, SessionOptions } from "../backend.ts"
import { createOrtBackend } from "../ort.ts"
import { probeBlock, probeSum } from "../probe.ts"
import { createWasmBackend } from "../web/ort.ts"
import { autoOrder, type NodeDevice, type NodeDeviceName, nodeDevices } from "./devices.ts"
import { collectShortLived } from "./garbage.ts"
import { inspectMachine, type Machine } from "./machine.ts"

type NodeOrt = typeof import("onnxruntime-node")

/** The native engine, and what it finds on this machine. */
interface Engine {
  ort: NodeOrt
  machine: Machine
}

const devices: Readonly<Record<string, NodeDevice>> = nodeDevices
const names = [...Object.keys(nodeDevices), "wasm", "auto"]

/**
 * Makes the backend of a device: cpu, webgpu, cuda, coreml, dml or wasm, or with `auto` the best of those there are. Its
 * `reason` says why it is this one.
 * Throws a UsageError that says why a device is not there, and what would make it so.
 */
export async function createNodeBackend(device: string): Promise<Backend> {
  if (!names.includes(device)) {
    const hint = suggestion(device, names) || ":"
    throw new UsageError(`unknown device "${device}"${hint} the devices are ${names.join(", ")}`)
  }
  if (device === "wasm") return createWasmBackend()
  const engine = await loadEngine()
  if (typeof engine !== "string") {
    return device === "auto"
      ? chooseBackend(engine)
      : createNative(engine, device as NodeDeviceName, "it was asked for")
  }
  if (device === "auto") return createWasmBackend(engine)
  throw new UsageError(`device ${device} is not there: ${engine}; use --device wasm`)
}

/** The native engine, or why it cannot be loaded: there is no binary for the platform, or the system is too old. */
async function loadEngine(): Promise<Engine | string> {
  // ONNX Runtime would keep a device id and a queue of events in the home folder. Whoever wants that sets it to 0.
  process.env.ORT_DISABLE_TELEMETRY ??= "1"
  try {
    const ort = (await import("onnxruntime-node")).default as NodeOrt
    return { ort, machine: inspectMachine(ort.listSupportedBackends()) }
  } catch (error) {
    const [cause] = (error as Error).message.split("\n")
    return `onnxruntime-node cannot be loaded on ${process.platform}-${process.arch} (${cause})`
  }
}

/** The best device: one with hardware behind it, otherwise the CPU. */
async function chooseBackend(engine: Engine): Promise<Backend> {
  const { gpus } = engine.machine
  if (gpus.length === 0) return createNative(engine, "cpu", "no GPU was found")
  const failures: string[] = []
  for (const device of autoOrder) {
    if (devices[device]!.missing(engine.machine)) continue
    try {
      return await createNative(engine, device, `the machine has: ${gpus.join(", ")}`)
    } catch (error) {
      failures.push((error as Error).message)
    }
  }
  const why = failures.length > 0 ? failures.join("; ") : `no device of this build can use the ${gpus.join(", ")}`
  return createNative(engine, "cpu", why)
}

/** Makes the backend of a device of the native engine, and tries it. */
async function createNative({ ort, machine }: Engine, device: NodeDeviceName, reason: string): Promise<Backend> {
  const entry = devices[device]!
  const missing = entry.missing(machine)
  if (missing) throw new UsageError(`device ${device} is not there: ${missing}; use --device cpu, wasm or auto`)
  const backend = createOrtBackend({
    device,
    reason,
    block: 0,
    readsFiles: device === "cpu",
    ort,
    sessionOptions: (options) => sessionOptions(device, options),
    memory: entry.memory ?? "cpu",
    fillsOutputs: true,
    collectGarbage: collectShortLived,
  })
  if (device === "cpu") return { ...backend, block: await probeBlock(backend.createSession) }
  try {
    await probeSum(backend)
  } catch (error) {
    const cause = (error as Error).message.trim().split("\n").at(-1)
    throw new UsageError(`device ${device} is not there: ${entry.remedy}. ONNX Runtime says: ${cause}`)
  }
  return backend
}

function sessionOptions(
  device: NodeDeviceName,
  { threads, rewrite = true }: SessionOptions,
): InferenceSession.SessionOptions {
  const { options }: NodeDevice = devices[device]!
  return {
    executionProviders: [device],
    intraOpNumThreads: threads ?? availableParallelism(),
    interOpNumThreads: 1,
    graphOptimizationLevel: rewrite ? "all" : "disabled",
    logSeverityLevel: 3,
    ...options,
    extra: {
      // Threads that spin while they wait slow a step several times when another process wants the cores.
      session: { intra_op: { allow_spinning: "0" } },
      ...options?.extra,
    },
  }
}
