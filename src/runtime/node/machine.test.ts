import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { findLinuxGpus, inspectMachine, parseDisplayAdapters } from "./machine.ts"

test("this machine is described without failing", () => {
  const machine = inspectMachine([{ name: "cpu", bundled: true }])
  expect(machine.platform).toBe(`${process.platform}-${process.arch}`)
  expect(machine.cudaLibrary).toContain(join("onnxruntime-node", "bin"))
})

describe("the GPUs of a Linux machine", () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "convnext-machine-"))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  const write = (path: string, content = "") => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  const addCard = (number: number, vendor: string) => {
    write(`dev/dri/renderD${number}`)
    write(`sys/class/drm/renderD${number}/device/vendor`, `${vendor}\n`)
  }

  test("are known by their vendors, each once", () => {
    addCard(128, "0x1002")
    addCard(129, "0x1002")
    addCard(130, "0x8086")
    expect(findLinuxGpus({}, root)).toEqual(["AMD GPU", "Intel GPU"])
  })

  test("are found in a container that shows NVIDIA's device file alone", () => {
    write("dev/nvidia0")
    expect(findLinuxGpus({}, root)).toEqual(["NVIDIA GPU"])
  })

  test("do not count where the container has no device file, or the card is a virtual machine's", () => {
    write("sys/class/drm/renderD128/device/vendor", "0x10de\n")
    addCard(129, "0x1af4")
    expect(findLinuxGpus({}, root)).toEqual([])
  })

  test("do not count where the environment allows a software renderer alone", () => {
    addCard(128, "0x10de")
    expect(findLinuxGpus({ VK_ICD_FILENAMES: "/usr/lib/chromium/vk_swiftshader_icd.json" }, root)).toEqual([])
    expect(findLinuxGpus({ VK_DRIVER_FILES: "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json" }, root)).toEqual([])
    expect(findLinuxGpus({ VK_DRIVER_FILES: "/etc/vulkan/icd.d/nvidia_icd.json" }, root)).toEqual(["NVIDIA GPU"])
  })
})

test("the GPUs of a Windows machine are those that Windows does not compute itself", () => {
  const output = [
    "",
    "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Class\\{4d36e968-e325-11ce-bfc1-08002be10318}\\0000",
    "    DriverDesc    REG_SZ    Microsoft Basic Display Adapter",
    "",
    "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Class\\{4d36e968-e325-11ce-bfc1-08002be10318}\\0001",
    "    DriverDesc    REG_SZ    NVIDIA GeForce RTX 4070",
    "",
    "End of search: 2 match(es) found.",
  ].join("\r\n")
  expect(parseDisplayAdapters(output)).toEqual(["NVIDIA GeForce RTX 4070"])
  expect(parseDisplayAdapters("")).toEqual([])
})
