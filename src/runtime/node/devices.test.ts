import { describe, expect, test } from "vitest"
import { nodeDevices } from "./devices.ts"
import type { Machine } from "./machine.ts"

const machine = (platform: string, supported: string[], hasCudaLibrary = false): Machine => ({
  platform,
  supported: supported.map((name) => ({ name, bundled: true })),
  cudaLibrary: "bin/libonnxruntime_providers_cuda.so",
  hasCudaLibrary,
  gpus: [],
})

const linux = machine("linux-x64", ["cpu", "webgpu", "cuda", "tensorrt"])
const linuxArm = machine("linux-arm64", ["cpu"])
const mac = machine("darwin-arm64", ["cpu", "webgpu", "coreml"])
const windows = machine("win32-x64", ["cpu", "webgpu", "dml"])

describe("what the machine cannot have is said with the reason", () => {
  test("where the build of the platform lacks it", () => {
    expect(nodeDevices.webgpu.missing(linuxArm)).toBe(
      "onnxruntime-node has no WebGPU for linux-arm64, only for linux-x64, win32-x64, win32-arm64 and darwin-arm64",
    )
    expect(nodeDevices.cuda.missing(windows)).toBe("onnxruntime-node has no CUDA for win32-x64, only for linux-x64")
    expect(nodeDevices.coreml.missing(linux)).toMatch("no CoreML for linux-x64, only for darwin-arm64")
    expect(nodeDevices.dml.missing(mac)).toMatch("no DirectML for darwin-arm64")
  })

  test("where a library of CUDA was not fetched, and how to fetch it", () => {
    expect(nodeDevices.cuda.missing(linux)).toMatch(/without bin\/libonnxruntime_providers_cuda\.so.*npm rebuild/)
    expect(nodeDevices.cuda.missing({ ...linux, hasCudaLibrary: true })).toBeUndefined()
  })
})

test("nothing speaks against what the build has", () => {
  expect(nodeDevices.cpu.missing()).toBeUndefined()
  expect(nodeDevices.webgpu.missing(linux)).toBeUndefined()
  expect(nodeDevices.coreml.missing(mac)).toBeUndefined()
  expect(nodeDevices.dml.missing(windows)).toBeUndefined()
})
