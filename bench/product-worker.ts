/** A large matrix product, as this package's runtime computes it, as a subject: see `subject.ts`. */

import { internal } from "./paths.ts"
import { serve } from "./serve.ts"

const load = async <T>(module: string): Promise<T> => (await import(internal(module))) as T
// Registers the devices.
await load("index.js")
const { largeProduct } = await load<typeof import("../src/run/bench.ts")>("run/bench.js")
const { backendFor } = await load<typeof import("../src/runtime/backend.ts")>("runtime/backend.js")

const { threads } = JSON.parse(process.argv[2]!) as { threads: number }
const product = await largeProduct({ backend: await backendFor("cpu"), threads })
await serve(product.run, { node: process.versions.node })
