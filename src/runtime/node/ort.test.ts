import { expect, test } from "vitest"
import { createNodeBackend } from "./ort.ts"

test("ONNX Runtime's telemetry is off unless somebody turned it on", async () => {
  await createNodeBackend("cpu")
  expect(process.env.ORT_DISABLE_TELEMETRY).toBe("1")
})

test("a device that is not there is refused by name", async () => {
  await expect(createNodeBackend("webgpu")).rejects.toThrow("device webgpu is not supported yet")
})
