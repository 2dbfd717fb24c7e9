/** `npm run bench:peers`: installs what the benchmarks compare with, beside this file: what can be, whatever else fails. */

import { execFileSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { fileURLToPath } from "node:url"

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const run = (program, args, options) => execFileSync(program, args, { stdio: "inherit", ...options })

const parts = [
  {
    name: "the loop of fused multiply-adds",
    needs: "a C compiler (CC, or cc) and POSIX threads",
    install() {
      mkdirSync(here("dist"), { recursive: true })
      const options = ["-O3", "-march=native", "-ffp-contract=fast", "-pthread"]
      run(process.env.CC ?? "cc", [...options, here("fma.c"), "-o", here("dist/fma")])
    },
  },
  {
    name: "tensorflow.js and jax-js",
    needs: "npm",
    install() {
      // The native tensorflow.js is fetched by its install script; where it cannot be, npm leaves it out.
      const options = ["--ignore-scripts=false", "--no-package-lock", "--no-audit", "--no-fund"]
      run("npm", ["install", ...options], { cwd: here("."), shell: process.platform === "win32" })
    },
  },
  {
    name: "PyTorch, timm and ONNX Runtime",
    needs: "Python 3.10 or later with venv, on Linux or macOS",
    install() {
      run(process.env.PYTHON ?? "python3", ["-m", "venv", here(".venv")])
      run(here(".venv/bin/python"), ["-m", "pip", "install", "--quiet", "--requirement", here("requirements.txt")])
    },
  },
]

for (const { name, needs, install } of parts) {
  try {
    install()
    console.log(`installed: ${name}`)
  } catch (error) {
    console.error(`could not install ${name}, which needs ${needs}: ${error.message}`)
    process.exitCode = 1
  }
}
console.log("`npm run bench -- ceiling train-peers tune-peers infer-peers` compares with what is installed")
