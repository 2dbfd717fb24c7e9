/** A page in a headless Chromium: bundled by Vite, served with or without isolation from other origins. */

import { readFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { extname, join, normalize } from "node:path"
import { type Browser, chromium } from "playwright-core"
import { build } from "vite"
import type { Outcome } from "./exercise.ts"

/** Bundles the page of a folder into another one. */
export async function bundlePage(root: string, outDir: string): Promise<void> {
  await build({
    root,
    configFile: false,
    logLevel: "error",
    base: "./",
    build: { outDir, emptyOutDir: true, target: "es2022", minify: false },
    worker: { format: "es" },
  })
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
}

/** With these a browser gives a page shared memory, and so threads. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
}

/** Serves a folder on a free port of this machine. */
async function serve(folder: string, headers: Readonly<Record<string, string>>): Promise<Server> {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url!, "http://localhost").pathname)
    try {
      const body = readFileSync(join(folder, path === "/" ? "index.html" : path))
      response.writeHead(200, { ...headers, "Content-Type": types[extname(path)] ?? "text/html" }).end(body)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return server
}

/** Starts a headless Chromium whose WebGPU, if it is asked for, is computed by the CPU. */
export function launch(executablePath: string, { webgpu = false }: { webgpu?: boolean } = {}): Promise<Browser> {
  const software = ["--enable-unsafe-webgpu", "--enable-features=Vulkan", "--use-webgpu-adapter=swiftshader"]
  return chromium.launch({ executablePath, args: ["--no-sandbox", ...(webgpu ? software : ["--disable-gpu"])] })
}

/** Opens the page of a folder and lets it do the exercise. Throws what the page throws. */
export async function runExercise(
  browser: Browser,
  folder: string,
  device: string,
  { isolated }: { isolated: boolean },
): Promise<Outcome> {
  const server = await serve(folder, isolated ? isolation : {})
  const page = await browser.newPage()
  try {
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    return await page.evaluate((name) => (globalThis as unknown as ExercisePage).exercise(name), device)
  } finally {
    await page.close()
    server.close()
  }
}

/** What the page offers. */
interface ExercisePage {
  exercise(device: string): Promise<Outcome>
}
