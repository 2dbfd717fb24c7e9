/** A page in a headless Chromium: bundled by Vite, served with or without isolation from other origins. */

import { readFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { extname, join, normalize } from "node:path"
import { type Browser, chromium, type Page } from "playwright-core"
import { build } from "vite"

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

/** Opens the page of a folder, and runs `work` with it. An error of the page fails the test. */
export async function withPage<T>(
  browser: Browser,
  folder: string,
  { isolated }: { isolated: boolean },
  work: (page: Page) => Promise<T>,
): Promise<T> {
  const server = await serve(folder, isolated ? isolation : {})
  try {
    const page = await browser.newPage()
    const errors: string[] = []
    page.on("pageerror", ({ message }) => errors.push(message))
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    const result = await work(page)
    if (errors.length > 0) throw new Error(`the page reports ${errors.join("; ")}`)
    await page.close()
    return result
  } finally {
    server.close()
  }
}
