/** The built program, run as people run it. */

import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { cp, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"
import { commands } from "./commands/index.ts"

const program = fileURLToPath(new URL("../../bin/convnext.js", import.meta.url))
const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))

interface Outcome {
  code: number
  stdout: string
  stderr: string
}

const convnext = (...argv: string[]) => node(program, ...argv)

function node(...argv: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, argv, { cwd: tmpdir() }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    )
  })
}

test("--help lists every command, --version is that of the package", async () => {
  const { code, stdout, stderr } = await convnext("--help")
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
  for (const { name, summary } of commands) expect(stdout).toMatch(new RegExp(`  ${name} +${summary}`))
  expect(await convnext()).toMatchObject({ code: 0, stdout })
  expect(await convnext("--version")).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" })
})

test.each(commands)("$name --help shows its usage and examples", async ({ name, summary }) => {
  const { code, stdout, stderr } = await convnext(name, "--help")
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
  expect(stdout.startsWith(`${summary}.`)).toBe(true)
  expect(stdout).toContain(`Usage: convnext ${name}`)
  expect(stdout).toMatch(new RegExp(`Examples\n  # .+\n  convnext ${name}`))
})

describe("a wrong call ends with 2 and one line on stderr", () => {
  test.each([
    [["trian"], "unknown command trian, did you mean train?"],
    [["xyzzyxyzzy"], "unknown command xyzzyxyzzy; see convnext --help"],
    [["--hepl"], "unknown option --hepl, did you mean --help?"],
    [["train", "--epoch", "3"], "unknown option --epoch, did you mean --epochs?"],
    [["train", "--lr", "abc"], '--lr must be a number above 0, got "abc"'],
    [["train", "--epochs=0"], "--epochs must be a whole number of at least 1, got 0"],
    [["train", "a", "b"], 'unexpected argument "b"; the usage is: convnext train [DATA]'],
    [["eval", "runs/a"], "DATA is missing"],
    [["predict", "runs/a"], "FILE is missing"],
    [["help", "trian"], "did you mean train?"],
    [["models", "convnxt_tiny"], "no model matches convnxt_tiny, did you mean convnext_tiny?"],
    [["predict", "convnext_tinny", "a.jpg"], "no model named convnext_tinny, did you mean convnext_tiny?"],
    [["export", "convnext_mini"], "convnext_mini has no published weights"],
  ])("%j", async (argv, message) => {
    const { code, stdout, stderr } = await convnext(...argv)
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    expect(stderr).toMatch(/^convnext: [^\n]+\n$/)
    expect(stderr).toContain(message)
  })
})

test("models are a table, or JSON with exact numbers", async () => {
  const { code, stdout } = await convnext("models", "convnext_t*")
  expect(code).toBe(0)
  expect(stdout).toMatch(/^model +family +parameters +MACs +input +top-1 +licence +weights\n/)
  expect(stdout).toMatch(/^convnext_tiny +convnext +28\.6M +4\.46G +224 +85\.2 +apache-2\.0 +in12k_ft_in1k, .* more$/m)
  const models = JSON.parse((await convnext("models", "--json")).stdout)
  expect(models).toContainEqual(
    expect.objectContaining({ name: "convnext_tiny", family: "convnext", parameters: 28_589_128, inputSize: 224 }),
  )
})

test("--sort puts models in order, and --filter is the same as the pattern", async () => {
  const { stdout } = await convnext("models", "--filter", "resnet*", "--sort", "macs", "--json")
  const models = JSON.parse(stdout) as { name: string; macs: number }[]
  expect(models[0]!.name).toBe("resnet18")
  expect(models.map(({ macs }) => macs)).toEqual(models.map(({ macs }) => macs).sort((a, b) => a - b))
  const wrong = await convnext("models", "--sort", "size")
  expect(wrong.code).toBe(2)
  expect(wrong.stderr).toContain("--sort must be one of name, parameters, macs, input-size, top1")
})

test("a file that is missing ends with 1; --debug shows where the error arose", async () => {
  const { code, stdout, stderr } = await convnext("train", "--config", "missing.yaml")
  expect({ code, stdout, stderr }).toEqual({
    code: 1,
    stdout: "",
    stderr: "convnext: there is no file or folder missing.yaml\n",
  })
  expect((await convnext("train", "--config", "missing.yaml", "--debug")).stderr).toMatch(/ENOENT.*\n +at /s)
})

test("without dist/ and without the tools to build it, the program says what to do", async () => {
  const clone = await mkdtemp(join(tmpdir(), "convnext-clone-"))
  await cp(join(program, ".."), join(clone, "bin"), { recursive: true })
  const { code, stdout, stderr } = await node(join(clone, "bin", "convnext.js"), "--help")
  await rm(clone, { recursive: true })
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" })
  expect(stderr).toContain("dist/ is missing and cannot be built; run `npm install` in")
})

test("a reader that closes the pipe is no error", async () => {
  const child = spawn(process.execPath, [program, "train", "--help"], { stdio: ["ignore", "pipe", "pipe"] })
  child.stdout.destroy()
  const errors: Buffer[] = []
  child.stderr.on("data", (chunk) => errors.push(chunk))
  expect(await once(child, "close")).toEqual([0, null])
  expect(Buffer.concat(errors).toString()).toBe("")
})

describe.skipIf(process.platform === "win32")("signals", () => {
  /** A program that goes on for a minute after it was told to stop. */
  function stubborn(): ChildProcess {
    const signals = new URL("../../dist/cli/signals.js", import.meta.url)
    const source = `
      const { listenForStop } = await import("${signals}")
      const stop = listenForStop(() => console.log("first"), () => console.log("second"))
      setTimeout(() => {}, 60_000)
      stop.signal.addEventListener("abort", () => console.log("aborted", stop.exitCode()))
      console.log("ready")`
    return spawn(process.execPath, ["--input-type=module", "-e", source], { stdio: ["ignore", "pipe", "inherit"] })
  }

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("the first %s asks to stop, the second exits with %i", async (signal, exitCode) => {
    const child = stubborn()
    let output = ""
    child.stdout!.on("data", (chunk) => {
      output += chunk
      if (output === "ready\n" || output.endsWith(`aborted ${exitCode}\n`)) child.kill(signal)
    })
    expect(await once(child, "close")).toEqual([exitCode, null])
    expect(output).toBe(`ready\nfirst\naborted ${exitCode}\nsecond\n`)
  })
})
