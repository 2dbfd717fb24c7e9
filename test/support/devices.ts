/**
 * The devices that tests run on: those that CONVNEXT_TEST_DEVICES names ("webgpu" or "cpu,webgpu"), otherwise what is
 * there on every machine.
 */

import { existsSync } from "node:fs"
import { join } from "node:path"

export const testDevices: readonly string[] = (process.env.CONVNEXT_TEST_DEVICES ?? "cpu,wasm").split(",")

/** Where Chromium's packages put their software renderer. */
const chromiumFolders = ["/usr/lib/chromium", "/usr/lib/chromium-browser", "/opt/google/chrome"]

/**
 * Environment in which WebGPU runs on SwiftShader, a Vulkan driver that computes on the CPU; undefined if this machine
 * has none. A process needs it from its start, as the linker reads it then.
 */
export function softwareGpu(): Record<string, string> | undefined {
  const folder = chromiumFolders.find((path) => existsSync(join(path, "vk_swiftshader_icd.json")))
  if (folder === undefined) return undefined
  return { VK_ICD_FILENAMES: join(folder, "vk_swiftshader_icd.json"), LD_LIBRARY_PATH: folder }
}

/** Path of a Chromium that tests can start: CHROMIUM, or where packages put it; undefined if there is none. */
export function findChromium(): string | undefined {
  const candidates = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
  return candidates.find((path) => path !== undefined && existsSync(path))
}
