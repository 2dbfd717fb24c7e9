/** The order of the rooms of src/ (docs/architecture.md), kept by every import: also those of types alone. */

import { readdirSync, readFileSync } from "node:fs"
import { join, posix } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { expect, test } from "vitest"

const src = fileURLToPath(new URL("../src", import.meta.url))

/** Each room knows itself and those before it. */
const rooms = [
  "tensor",
  "autodiff",
  "compile",
  "runtime",
  "nn",
  "models",
  "weights",
  "data",
  "optim",
  "train",
  "tasks",
  "roadmap",
  "report",
  "run",
  // The entry points that put the rooms together, in the browser and in Node.
  "shared.ts",
  "web.ts",
  "index.ts",
  "cli",
]

/** Rooms and folders that may use Node; the rest runs in a browser too. */
const usesNode = (file: string) => /^(run|cli)\/|\/node\//.test(file)

/** Packages that exist in Node alone. */
const nodePackages = ["sharp", "onnxruntime-node", "cli-progress"]

interface Import {
  /** The importing file, relative to src/. */
  file: string
  /** What it imports: a file relative to src/, or a package. */
  target: string
  isFile: boolean
}

/** Every `import`, `export .. from`, `import()` and `import("..")` type of the sources without their tests. */
function readImports(): Import[] {
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).map((path) => path.replaceAll("\\", "/"))
  const sources = files.filter((path) => path.endsWith(".ts") && !/\.(test|fixture)\.ts$/.test(path))
  return sources.flatMap((file) => {
    const { importedFiles } = ts.preProcessFile(readFileSync(join(src, file), "utf8"))
    return importedFiles.map(({ fileName }) => {
      const isFile = fileName.startsWith(".")
      return { file, target: isFile ? posix.join(posix.dirname(file), fileName) : fileName, isFile }
    })
  })
}

const imports = readImports()
const roomOf = (file: string) => file.split("/")[0]!
const describe = ({ file, target }: Import) => `${file} -> ${target}`

test("the sources have imports to check, and every folder of src/ is a room", () => {
  expect(imports.length).toBeGreaterThan(300)
  expect(imports.map(describe)).toContain("train/trainer.ts -> runtime/program.ts")
  expect(imports.map(describe)).toContain("cli/library.ts -> index.ts")
  expect(readdirSync(src).sort()).toEqual([...rooms].sort())
})

test("each room imports only from itself and from rooms above it", () => {
  const wrong = imports.filter(
    ({ file, target, isFile }) => isFile && rooms.indexOf(roomOf(target)) > rooms.indexOf(roomOf(file)),
  )
  expect(wrong.map(describe)).toEqual([])
})

test("tensor/ imports nothing, not even a package", () => {
  const wrong = imports.filter(({ file, target }) => roomOf(file) === "tensor" && roomOf(target) !== "tensor")
  expect(wrong.map(describe)).toEqual([])
})

test("nn/ and models/ know no engine and no files", () => {
  const wrong = imports.filter(({ file, isFile }) => ["nn", "models"].includes(roomOf(file)) && !isFile)
  expect(wrong.map(describe)).toEqual([])
})

test("Node is used in node/ folders, run/ and cli/ only", () => {
  const wrong = imports.filter(({ file, target, isFile }) => {
    if (usesNode(file) || file === "index.ts") return false
    return isFile ? usesNode(target) : target.startsWith("node:") || nodePackages.includes(target)
  })
  expect(wrong.map(describe)).toEqual([])
})

test("imports name files by their .ts extension", () => {
  const wrong = imports.filter(({ target, isFile }) => isFile && !target.endsWith(".ts"))
  expect(wrong.map(describe)).toEqual([])
})
