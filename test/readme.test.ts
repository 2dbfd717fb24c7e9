/** Every code block of the README and of docs/ does what it says: commands run, programs compile and run, in their order. */

import { execFile } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import ts from "typescript"
import { beforeAll, expect, test } from "vitest"
import { typeErrors } from "./support/declarations.ts"
import { type Colour, colourPicture, sharedFolder, writeFile } from "./support/images.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const folder = sharedFolder()

interface Block {
  language: string
  code: string
  /** The document, relative to the root. */
  file: string
  /** Line of the document that it begins at. */
  line: number
}

const docs = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".md"))
  .map((file) => `docs/${file}`)
  .sort()
const documents = ["README.md", ...docs]
const blocks = documents.flatMap(readBlocks)

/** Commands that are not run here: `.ci/run` and package.test.ts run them, or what they consist of. */
const runElsewhere = ["npm ci && npm start", "npm ci && npm test", "npm install --ignore-scripts convnext"]

/** How a block is tried, by its language. A block in another one fails. */
const runners: Record<string, (block: Block) => Promise<void>> = {
  bash: runCommands,
  ts: runProgram,
  yaml: writeConfig,
  // Drawings.
  text: async () => {},
}

/** Fenced blocks: ```language, lines, ```. Throws an Error for a fence that is not closed. */
function readBlocks(file: string): Block[] {
  const markdown = readFileSync(join(root, file), "utf8")
  const found: Block[] = []
  let open: Block | undefined
  for (const [i, line] of markdown.split("\n").entries()) {
    if (!line.trimStart().startsWith("```")) {
      if (open) open.code += `${line}\n`
      continue
    }
    if (open) found.push(open)
    open = open ? undefined : { language: line.trim().slice(3), code: "", file, line: i + 1 }
  }
  if (open) throw new Error(`${file}: the block at line ${open.line} is not closed`)
  return found
}

/** Runs each line of a block in a shell. */
async function runCommands({ code }: Block): Promise<void> {
  for (const command of code.split("\n").filter(Boolean)) {
    if (!runElsewhere.includes(command)) await run("bash", ["-c", command])
  }
}

/** Runs a program as Node would after compilation. Its types are checked by a test of their own. */
async function runProgram(block: Block): Promise<void> {
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
  const { outputText } = ts.transpileModule(block.code, { compilerOptions })
  const file = sourceFile(block).replace(/\.ts$/, ".js")
  writeFileSync(file, outputText)
  await run(process.execPath, [file])
}

/** Writes a file whose name is in its first line: `# NAME`. */
async function writeConfig({ code }: Block): Promise<void> {
  const [, name] = /^# (\S+)\n/.exec(code) ?? []
  expect(name, "a block of YAML begins with the name of its file").toBeDefined()
  writeFileSync(join(folder, name!), code)
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const { stdout, stderr } = await promisify(execFile)(program, args, { cwd: folder })
  expect(stdout + stderr, `${args.join(" ")} prints something`).not.toBe("")
}

const sourceFile = ({ file, line }: Block) => join(folder, `${file.replaceAll("/", "-")}-${line}.ts`)

/** A project in which the package is installed, with the images that the documents speak of. */
beforeAll(async () => {
  writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
  for (const [path, target] of Object.entries({
    convnext: root,
    ".bin/convnext": join(root, "bin/convnext.js"),
    "onnxruntime-node": join(root, "node_modules/onnxruntime-node"),
    sharp: join(root, "node_modules/sharp"),
  })) {
    const link = join(folder, "node_modules", path)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(target, link)
  }
  const images: [path: string, colour: Colour, count: number][] = [
    ["pets/cat", "red", 10],
    ["pets/dog", "blue", 10],
    ["more-pets/cat", "red", 3],
    ["more-pets/dog", "blue", 3],
    ["flowers/poppy", "red", 6],
    ["flowers/iris", "blue", 6],
    ["flowers/clover", "green", 6],
    ["photos", "red", 3],
  ]
  for (const [path, colour, count] of images) {
    for (let i = 0; i < count; i++) {
      writeFile(join(folder, path, `${i}.jpg`), await colourPicture(colour, i, [48, 40]).jpeg().toBuffer())
    }
  }
  writeFile(join(folder, "photo.jpg"), await colourPicture("red", 100, [48, 40]).jpeg().toBuffer())
})

test("the README opens with the two commands, and the package's", () => {
  const commands = blocks.slice(0, 3).map(({ code }) => code.trim())
  expect(commands).toEqual(runElsewhere)
})

test("the programs have no type errors", () => {
  const programs = blocks.filter(({ language }) => language === "ts")
  expect(programs.length).toBeGreaterThan(3)
  for (const block of programs) writeFileSync(sourceFile(block), block.code)
  const node = { types: ["node"], typeRoots: [join(root, "node_modules/@types")], skipLibCheck: true }
  expect(typeErrors(programs.map(sourceFile), node)).toEqual([])
})

test.each(blocks)("$file, line $line: $language", async (block) => {
  const runner = runners[block.language]
  if (!runner) throw new Error(`${block.file}:${block.line}: there is no way to try a block of "${block.language}"`)
  await runner(block)
})

test("the model of one's own takes less than 60 lines, from what anyone can import", () => {
  const [example] = readBlocks("docs/your-own-model.md")
  expect(example!.code.trim().split("\n").length).toBeLessThan(60)
  const imported = [...example!.code.matchAll(/from "(.+)"/g)].map(([, name]) => name)
  expect(new Set(imported)).toEqual(new Set(["convnext", "convnext/nn"]))
})

test("the table of commands lists those that --help lists", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, "bin/convnext.js"), "--help"])
  const commands = [...stdout.matchAll(/^ {2}(\w+) {2,}[A-Z]/gm)].map(([, name]) => name)
  const readme = readFileSync(join(root, "README.md"), "utf8")
  const described = [...readme.matchAll(/^\| `convnext (\w+)/gm)].map(([, name]) => name)
  expect(commands).toContain("train")
  expect(described).toEqual(commands)
})

test.each([...documents, "CONTRIBUTING.md"])("files that %s names are there", (name) => {
  const text = readFileSync(join(root, name), "utf8")
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path]) => join(dirname(name), path!))
  const paths = [...text.matchAll(/`((?:src|test|bin|docs|bench|assets)\/[\w./-]+)`/g)].map(([, path]) => path!)
  expect(links.length + paths.length).toBeGreaterThan(0)
  expect([...links, ...paths].filter((path) => !existsSync(join(root, path)))).toEqual([])
})

test("the operator that CONTRIBUTING.md shows is that of the sources", () => {
  const [shown] = readBlocks("CONTRIBUTING.md")
  const source = readFileSync(join(root, "src/tensor/ops/activation.ts"), "utf8")
  for (const part of shown!.code.trim().split("\n\n")) expect(source).toContain(part)
})
