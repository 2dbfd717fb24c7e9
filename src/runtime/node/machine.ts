/** What the machine has for computing, found without waking any driver: those print and take time where nothing is. */

import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"

/** A device of ONNX Runtime's build for this platform. */
interface SupportedDevice {
  name: string
  /** False if its library is no part of the npm package. */
  bundled: boolean
}

export interface Machine {
  /** "linux-x64" */
  platform: string
  /** What ONNX Runtime's build knows; empty where there is none for the platform. */
  supported: readonly SupportedDevice[]
  /** Path of the library that ONNX Runtime needs for CUDA. */
  cudaLibrary: string
  hasCudaLibrary: boolean
  /** Graphics processors of hardware, by a name for people. Empty where graphics are computed by the CPU. */
  gpus: readonly string[]
}

/** Looks at this machine. */
export function inspectMachine(supported: readonly SupportedDevice[]): Machine {
  const { platform, arch } = process
  const folder = join(dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json")), "bin/napi-v6")
  const cudaLibrary = join(folder, platform, arch, "libonnxruntime_providers_cuda.so")
  return {
    platform: `${platform}-${arch}`,
    supported,
    cudaLibrary,
    hasCudaLibrary: existsSync(cudaLibrary),
    gpus: (gpuFinders[platform] ?? (() => []))(),
  }
}

const gpuFinders: Partial<Record<NodeJS.Platform, () => string[]>> = {
  linux: () => findLinuxGpus(process.env, "/"),
  darwin: () => (process.arch === "arm64" ? ["Apple GPU"] : []),
  win32: findWindowsGpus,
}

/** PCI vendors of graphics processors; the cards of virtual machines have others. */
const vendors: Readonly<Record<string, string>> = { "0x10de": "NVIDIA GPU", "0x1002": "AMD GPU", "0x8086": "Intel GPU" }

/**
 * The graphics processors of a Linux machine, by its device files. None if the environment allows the Vulkan driver
 * of a software renderer alone, as it does in tests.
 * @param root "/", or a folder that stands for it
 */
export function findLinuxGpus(env: Readonly<Record<string, string | undefined>>, root: string): string[] {
  const drivers = env.VK_DRIVER_FILES ?? env.VK_ICD_FILENAMES
  if (drivers?.split(":").every((path) => /swiftshader|lvp_icd|lavapipe/.test(path))) return []
  const found = new Set<string>()
  // In a container sysfs may not show what the device files do.
  if (existsSync(join(root, "dev/nvidia0"))) found.add("NVIDIA GPU")
  const cards = join(root, "sys/class/drm")
  for (const card of existsSync(cards) ? readdirSync(cards) : []) {
    const file = join(cards, card, "device/vendor")
    const vendor = card.startsWith("renderD") && existsSync(file) && vendors[readFileSync(file, "utf8").trim()]
    if (vendor && existsSync(join(root, "dev/dri", card))) found.add(vendor)
  }
  return [...found]
}

const displayAdapters = "HKLM\\SYSTEM\\CurrentControlSet\\Control\\Class\\{4d36e968-e325-11ce-bfc1-08002be10318}"

function findWindowsGpus(): string[] {
  try {
    const args = ["query", displayAdapters, "/s", "/v", "DriverDesc"]
    return parseDisplayAdapters(execFileSync("reg", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }))
  } catch {
    // `reg` fails where nothing matches.
    return []
  }
}

/** The display adapters that `reg query` lists, without those that Windows itself computes. */
export function parseDisplayAdapters(output: string): string[] {
  const names = [...output.matchAll(/^\s*DriverDesc\s+REG_SZ\s+(.+?)\s*$/gm)].map(([, name]) => name!)
  return [...new Set(names)].filter((name) => !name.startsWith("Microsoft "))
}
