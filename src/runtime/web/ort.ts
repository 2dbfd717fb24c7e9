/** ONNX Runtime's WebAssembly builds: in the browser, and for WebAssembly on the CPU in Node too. */

import type { Env } from "onnxruntime-common"
import { UsageError } from "../../tensor/errors.ts"
import type { Backend } from "../backend.ts"
import { createOrtBackend, type OrtDevice } from "../ort.ts"
import { probeSum } from "../probe.ts"

/**
 * Makes the backend of a device of the browser: wasm or webgpu, or with `auto` the better of those there are. Its `reason`
 * says why it is this one.
 * Throws a UsageError that says why a device is not there, and what would make it so.
 */
export async function createWebBackend(device: string): Promise<Backend> {
  if (device === "wasm") return createWasmBackend()
  if (device !== "webgpu" && device !== "auto") {
    throw new UsageError(`device ${device} is not there: in the browser the devices are wasm, webgpu and auto`)
  }
  const found = await findAdapter()
  if (device === "webgpu") return createWebGpuBackend(found)
  if (found.missing !== undefined) return createWasmBackend(found.missing)
  if (found.software) return createWasmBackend("the browser's WebGPU is computed by the CPU")
  return createWebGpuBackend(found).catch((error: Error) => createWasmBackend(error.message))
}

/** WebAssembly on the CPU. `reason` says why it was chosen, where it was not asked for. */
export async function createWasmBackend(reason = "it was asked for"): Promise<Backend> {
  const ort = await import("onnxruntime-web/wasm")
  const threads = setThreads(ort.env.wasm)
  return createOrtBackend({ ...webDevice, device: "wasm", reason: `${reason}; ${threads}`, ort, memory: "cpu" })
}

/** What all devices here have in common. */
const webDevice: Pick<OrtDevice, "block" | "readsFiles" | "sessionOptions" | "fillsOutputs" | "enqueue"> = {
  block: 0,
  readsFiles: false,
  sessionOptions: ({ rewrite = true }) => ({
    executionProviders: ["wasm"],
    graphOptimizationLevel: rewrite ? "all" : "disabled",
    logSeverityLevel: 3,
    // See the native engine's cpu.
    extra: { optimization: { disable_specified_optimizers: "ReshapeFusion" } },
  }),
  fillsOutputs: false,
  enqueue: oneAtATime(),
}

/** The engine's stack is one: while a session waits for the GPU, no other may begin. */
function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const result = last.then(work)
    last = result.catch(() => undefined)
    return result
  }
}

/**
 * Sets the engine's threads, which all its sessions share, and says how many they are. They need shared memory, and that
 * the page is isolated from others.
 */
function setThreads(wasm: Env.WebAssemblyFlags): string {
  const cores = typeof navigator === "undefined" ? 1 : (navigator.hardwareConcurrency ?? 1)
  wasm.numThreads = globalThis.crossOriginIsolated ? cores : 1
  if (wasm.numThreads > 1) {
    // A thread begins with the file that holds the engine. Bundled with other code that would be run too, in a worker.
    wasm.wasmPaths = {
      mjs: new URL("onnxruntime-web/ort-wasm-simd-threaded.mjs", import.meta.url),
      wasm: new URL("onnxruntime-web/ort-wasm-simd-threaded.wasm", import.meta.url),
    }
    return `${wasm.numThreads} threads`
  }
  if (cores === 1 || globalThis.crossOriginIsolated === undefined) return "1 thread"
  return (
    "1 thread, as the page is not cross-origin isolated: serve it with the headers " +
    "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp to use all cores"
  )
}

/** What the browser has for WebGPU, or why it has nothing. */
type Adapter = { missing: string } | { missing?: undefined; name: string; software: boolean }

async function findAdapter(): Promise<Adapter> {
  if (typeof navigator === "undefined" || !navigator.gpu) {
    return globalThis.isSecureContext === false
      ? {
          missing:
            "the page is no secure context, and browsers give WebGPU to those only: serve it by https or from localhost",
        }
      : { missing: "this browser has no WebGPU: take Chrome or Edge 113, Safari 26, Firefox 141 or newer" }
  }
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" })
  if (!adapter) {
    return {
      missing: "the browser finds no GPU that it may use: see chrome://gpu, and whether hardware acceleration is on",
    }
  }
  const { vendor, architecture, description, isFallbackAdapter } = adapter.info
  const software = isFallbackAdapter || /swiftshader|llvmpipe|warp/i.test(`${architecture} ${description}`)
  return { name: [vendor, architecture].filter(Boolean).join(" "), software }
}

async function createWebGpuBackend(adapter: Adapter): Promise<Backend> {
  if (adapter.missing !== undefined) {
    throw new UsageError(`device webgpu is not there: ${adapter.missing}; wasm works everywhere`)
  }
  const ort = await import("onnxruntime-web/webgpu")
  // What runs beside the GPU is little.
  ort.env.wasm.numThreads = 1
  const backend = createOrtBackend({
    ...webDevice,
    device: "webgpu",
    reason: `the browser has a GPU (${adapter.name})`,
    ort,
    sessionOptions: (options) => ({ ...webDevice.sessionOptions(options), executionProviders: ["webgpu"] }),
    memory: "gpu-buffer",
  })
  await probeSum(backend)
  return backend
}
