/**
 * Assembles src/optim/kernels/*.wat, and writes each as a module beside it that holds its bytes: run it after a change of
 * one. A test compares both.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import createWabt from "wabt"

const folder = new URL("../src/optim/kernels/", import.meta.url)

/** Text of the modules that hold the bytes of the kernels, by file name. */
export async function assembleKernels() {
  const wabt = await createWabt()
  const sources = readdirSync(folder).filter((file) => file.endsWith(".wat"))
  return Object.fromEntries(
    sources.map((file) => {
      const source = wabt.parseWat(file, readFileSync(new URL(file, folder), "utf8"), { simd: true })
      const bytes = Buffer.from(source.toBinary({}).buffer).toString("base64")
      const lines = [
        `/** ${file}, assembled by scripts/build-kernels.mjs: edit that instead. */`,
        "export default `",
        ...bytes.match(/.{1,120}/g),
        "`",
      ]
      return [file.replace(".wat", ".wasm.ts"), `${lines.join("\n")}\n`]
    }),
  )
}

if (import.meta.filename === process.argv[1]) {
  for (const [file, text] of Object.entries(await assembleKernels())) writeFileSync(new URL(file, folder), text)
}
