import { describe, expect, test } from "vitest"
import { UsageError } from "../../tensor/errors.ts"
import { createNodeBackend } from "./ort.ts"

test("ONNX Runtime's telemetry is off unless somebody turned it on", async () => {
  await createNodeBackend("cpu")
  expect(process.env.ORT_DISABLE_TELEMETRY).toBe("1")
})

describe("a device", () => {
  test("is made by its name", async () => {
    for (const device of ["cpu", "wasm"]) {
      const backend = await createNodeBackend(device)
      expect(backend.device).toBe(device)
      expect(backend.reason).toMatch("it was asked for")
      expect(backend.ownMemory).toBe(false)
    }
  })

  test("is chosen by auto, with a reason, and never by a software renderer", async () => {
    const { device, reason } = await createNodeBackend("auto")
    expect(["cpu", "cuda", "webgpu", "dml"]).toContain(device)
    expect(reason).toMatch(device === "cpu" ? /^no GPU was found$|not there|no device/ : /^the machine has: .*GPU/)
    if (process.env.VK_ICD_FILENAMES?.includes("swiftshader")) expect(device).toBe("cpu")
  })

  test("that does not exist is refused with the names of those that do", async () => {
    await expect(createNodeBackend("cdua")).rejects.toThrow(
      new UsageError(
        'unknown device "cdua", did you mean cuda? the devices are cpu, webgpu, cuda, coreml, dml, wasm, auto',
      ),
    )
  })

  test.runIf(process.platform === "linux")(
    "of another platform is refused with the platforms that have it",
    async () => {
      await expect(createNodeBackend("coreml")).rejects.toThrow(
        `device coreml is not there: onnxruntime-node has no CoreML for linux-${process.arch}, only for darwin-arm64`,
      )
      await expect(createNodeBackend("dml")).rejects.toThrow(UsageError)
    },
  )
})

test.runIf(process.platform === "linux" && process.arch === "x64")(
  "that this machine lacks is refused with what would make it so",
  async () => {
    const outcome = (device: string) =>
      createNodeBackend(device).then(
        (backend) => backend.device,
        (error: Error) => error.message,
      )
    expect(await outcome("webgpu")).toMatch(
      /^webgpu$|^device webgpu is not there: WebGPU needs a GPU and its driver: .*libvulkan.* ONNX Runtime says: /,
    )
    expect(await outcome("cuda")).toMatch(
      /^cuda$|^device cuda is not there: (the npm package .*npm rebuild onnxruntime-node|CUDA needs an NVIDIA GPU)/,
    )
  },
)
