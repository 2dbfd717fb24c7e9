/** Where things are, seen from the compiled benchmarks. */

import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = new URL("../../", import.meta.url)

export const bin = fileURLToPath(new URL("bin/convnext.js", root))
/** A JPEG of 500 x 375 pixels. */
export const photo = fileURLToPath(new URL("test/golden/data/images/jpeg_420_q95_500x375.jpg", root))
export const exampleImage = fileURLToPath(new URL("assets/fashion-mnist/examples/sneaker.png", root))
export const stepWorker = fileURLToPath(new URL("step-worker.js", import.meta.url))

export const graphWorker = fileURLToPath(new URL("graph-worker.js", import.meta.url))

export const loadWorker = fileURLToPath(new URL("load-worker.js", import.meta.url))
export const subjectWorker = fileURLToPath(new URL("subject-worker.js", import.meta.url))
export const productWorker = fileURLToPath(new URL("product-worker.js", import.meta.url))

const peers = new URL("bench/peers/", root)

/** What `npm run bench:peers` installs, each where it could be: PyTorch, timm and ONNX Runtime. */
export const peerFolder = fileURLToPath(peers)
export const peerPython = process.env.CONVNEXT_PEER_PYTHON ?? fileURLToPath(new URL(".venv/bin/python", peers))
export const torchPeer = fileURLToPath(new URL("torch_timm.py", peers))
export const predictPeer = fileURLToPath(new URL("predict_timm.py", peers))
export const onnxRuntimePeer = fileURLToPath(new URL("onnxruntime_timm.py", peers))

/** Packages for Node. */
export const peerPackage = (name: string): string => fileURLToPath(new URL(`node_modules/${name}`, peers))
export const tensorflowPeer = fileURLToPath(new URL("convnext_tfjs.mjs", peers))
export const jaxPeer = fileURLToPath(new URL("convnext_jax.mjs", peers))

/** The compiled loop of fused multiply-adds. */
export const fmaPeer = fileURLToPath(new URL("dist/fma", peers))

/** A module of the built library that is no entry point. */
export const internal = (module: string): string => new URL(`dist/${module}`, root).href

/** A new folder that the system cleans up some time. */
export const scratchFolder = (): string => mkdtempSync(join(tmpdir(), "convnext-bench-"))
