/** The devices of Node: what each needs, in which order `auto` tries them, and what to say where one is missing. */

import type { InferenceSession } from "onnxruntime-common"
import type { Machine } from "./machine.ts"

export interface NodeDevice {
  /** Why the machine cannot have it and what would make it so; undefined if nothing speaks against it. */
  missing(machine: Machine): string | undefined
  /** What is probably wrong if the engine cannot make it although nothing spoke against it. */
  remedy: string
  /** Session options that differ from those of the other devices. */
  options?: InferenceSession.SessionOptions
  /** Where its outputs can stay. Default "cpu". */
  memory?: "gpu-buffer"
}

/** Says so if ONNX Runtime's build for this platform does not know the device. */
function unlessBuilt(name: string, title: string, where: string) {
  return ({ supported, platform }: Machine): string | undefined => {
    if (supported.some((device) => device.name === name)) return undefined
    return `onnxruntime-node has no ${title} for ${platform}, only for ${where}`
  }
}

const cudaBuilt = unlessBuilt("cuda", "CUDA", "linux-x64")

/** All devices of the native engine by name. */
export const nodeDevices = {
  cpu: {
    missing: () => undefined,
    remedy: "reinstall onnxruntime-node",
    options: {
      // A plan of the memory is made after the first run and takes its block beside what that run had: half as much again.
      enableMemPattern: false,
      extra: {
        // Gemm with a transposed first operand is slower than a transposed copy and a plain Gemm. Views of views are
        // one already, and ONNX Runtime 1.30 fails to join a view whose shape is computed (`after`) with another one.
        optimization: { disable_specified_optimizers: "MatmulTransposeFusion;ReshapeFusion" },
      },
    },
  },
  webgpu: {
    missing: unlessBuilt("webgpu", "WebGPU", "linux-x64, win32-x64, win32-arm64 and darwin-arm64"),
    remedy:
      "WebGPU needs a GPU and its driver: on Linux its Vulkan driver and libvulkan.so.1 " +
      "(Debian: apt install libvulkan1, and the driver of the GPU's maker or mesa-vulkan-drivers)",
    memory: "gpu-buffer",
  },
  cuda: {
    missing: (machine) =>
      cudaBuilt(machine) ??
      (machine.hasCudaLibrary
        ? undefined
        : `the npm package of onnxruntime-node comes without ${machine.cudaLibrary}: its install script fetches it, ` +
          "run `npm rebuild onnxruntime-node --ignore-scripts=false` on a machine that reaches api.nuget.org"),
    remedy: "CUDA needs an NVIDIA GPU with its driver, and the libraries of CUDA 12 and cuDNN 9 on LD_LIBRARY_PATH",
  },
  coreml: {
    missing: unlessBuilt("coreml", "CoreML", "darwin-arm64"),
    remedy: "CoreML needs macOS 12 or newer",
  },
  dml: {
    missing: unlessBuilt("dml", "DirectML", "win32-x64 and win32-arm64"),
    remedy: "DirectML needs Windows 10 1903 or newer and a GPU that knows DirectX 12",
    // DirectML works with neither memory patterns nor parallel execution.
    options: { enableMemPattern: false, executionMode: "sequential" },
  },
} as const satisfies Record<string, NodeDevice>

export type NodeDeviceName = keyof typeof nodeDevices

/** What `auto` tries, best first. CoreML is not among them: it computes in half precision. */
export const autoOrder: readonly NodeDeviceName[] = ["cuda", "webgpu", "dml"]
