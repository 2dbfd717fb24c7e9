/** Where things are, seen from the compiled benchmarks. */

import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = new URL("../../", import.meta.url)

export const bin = fileURLToPath(new URL("bin/convnext.js", root))
export const exampleImage = fileURLToPath(new URL("assets/fashion-mnist/examples/sneaker.png", root))
export const stepWorker = fileURLToPath(new URL("step-worker.js", import.meta.url))

export const graphWorker = fileURLToPath(new URL("graph-worker.js", import.meta.url))

/** A module of the built library that is no entry point. */
export const internal = (module: string): string => new URL(`dist/${module}`, root).href

/** A new folder that the system cleans up some time. */
export const scratchFolder = (): string => mkdtempSync(join(tmpdir(), "convnext-bench-"))
