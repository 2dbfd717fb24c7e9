import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, type MockInstance, test, vi } from "vitest"
import { z } from "zod"
import { InputError, UsageError } from "../tensor/errors.ts"
import { type CommandEntry, defineCommand } from "./command.ts"
import { runCommand } from "./run-command.ts"

/** Prints what it was given. */
const echo = defineCommand({
  details: "It changes nothing.",
  options: z.object({
    word: z.string().meta({ placeholder: "WORD", description: "Any word" }),
    batchSize: z.int().min(1).max(512).default(32).describe("Images per batch"),
    lr: z.number().positive().optional().describe("Learning rate"),
    threads: z.int().min(1).optional().describe("Threads for the model"),
  }),
  positionals: ["word"],
  examples: [["convnext echo hello", "Say hello"]],
  run: async (options, { given }) => ({ json: { options, given }, text: () => `word ${options.word}`, exitCode: 1 }),
})
const entry: CommandEntry = { name: "echo", summary: "Print what is given", load: async () => echo }

let folder: string
let log: MockInstance<typeof console.log>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "convnext cli "))
})
afterAll(() => rm(folder, { recursive: true }))
beforeEach(() => {
  log = vi.spyOn(console, "log").mockImplementation(() => {})
})
afterEach(() => log.mockRestore())

const printed = () => log.mock.calls.map(([line]) => line).join("\n")

async function config(text: string): Promise<string> {
  const path = join(folder, "options.yaml")
  await writeFile(path, text)
  return path
}

test("the result is printed as text, and its exit code is the command's", async () => {
  expect(await runCommand(entry, ["hello"])).toBe(1)
  expect(printed()).toBe("word hello")
})

test("--json prints one document, and defaults are apart from what was given", async () => {
  await runCommand(entry, ["hello", "--json", "--lr", "0.1"])
  expect(JSON.parse(printed())).toEqual({
    options: { word: "hello", batchSize: 32, lr: 0.1 },
    given: { word: "hello", lr: 0.1 },
  })
})

test("--help shows arguments, ranges, defaults, the options of all commands and examples", async () => {
  expect(await runCommand(entry, ["--help"])).toBe(0)
  expect(printed()).toMatch(/Usage: convnext echo WORD \[options\]/)
  expect(printed()).toMatch(/WORD {2}Any word/)
  expect(printed()).toMatch(/--batch-size N {2,}Images per batch \(from 1 to 512; default 32\)/)
  expect(printed()).toMatch(/--lr NUMBER {2,}Learning rate \(above 0\)/)
  expect(printed()).toMatch(/--json {2,}Print one JSON document/)
  expect(printed()).toMatch(/# Say hello\n {2}convnext echo hello/)
  for (const line of printed().split("\n")) expect(line.length).toBeLessThanOrEqual(100)
})

describe("a config file", () => {
  test("takes the names of flags and of TypeScript, and flags win over it", async () => {
    const path = await config("word: hi\nbatch-size: 8\nlr: 0.5\n")
    await runCommand(entry, ["--config", path, "--lr", "0.1", "--json"])
    expect(JSON.parse(printed()).options).toEqual({ word: "hi", batchSize: 8, lr: 0.1 })
    log.mockClear()
    await runCommand(entry, ["hello", "--config", await config("batchSize: 4\nlr:\n"), "--json"])
    expect(JSON.parse(printed()).options).toEqual({ word: "hello", batchSize: 4 })
  })

  test("with a wrong key or value is a usage error that names the file", async () => {
    const wrongKey = runCommand(entry, ["hello", "--config", await config("batch-sise: 8\n")])
    await expect(wrongKey).rejects.toThrow(UsageError)
    await expect(wrongKey).rejects.toThrow(
      `unknown option batch-sise in ${join(folder, "options.yaml")}, did you mean batch-size?`,
    )
    const wrongValue = runCommand(entry, ["hello", "--config", await config("batchSize: 1000\n")])
    await expect(wrongValue).rejects.toThrow(UsageError)
    await expect(wrongValue).rejects.toThrow(
      /^batch-size in .*options.yaml must be a whole number from 1 to 512, got 1000/,
    )
  })

  test("that is no map of options is an input error", async () => {
    const list = runCommand(entry, ["hello", "--config", await config("- 1\n- 2\n")])
    await expect(list).rejects.toThrow(InputError)
    const broken = runCommand(entry, ["hello", "--config", await config("lr: [1\n")])
    await expect(broken).rejects.toThrow(InputError)
    await expect(broken).rejects.toThrow("is not YAML")
    await expect(runCommand(entry, ["hello", "--config", folder])).rejects.toThrow("is a folder")
  })
})

test("more threads than cores are said, and used", async () => {
  const error = vi.spyOn(console, "error").mockImplementation(() => {})
  const cores = availableParallelism()
  await runCommand(entry, ["hello", "--threads", String(cores)])
  expect(error).not.toHaveBeenCalled()
  await runCommand(entry, ["hello", "--threads", String(cores + 97), "--json"])
  expect(error.mock.calls).toEqual([
    [expect.stringMatching(`^--threads: ${cores + 97} threads on ${cores} cores? will be slower than ${cores}$`)],
  ])
  expect(printed()).toContain(`"threads": ${cores + 97}`)
  error.mockClear()
  await runCommand(entry, ["hello", "--config", await config(`threads: ${cores + 1}\n`)])
  expect(error.mock.calls[0]![0]).toContain("threads in ")
  error.mockRestore()
})

test("a missing argument and a value out of range are usage errors", async () => {
  await expect(runCommand(entry, [])).rejects.toThrow("WORD is missing: any word")
  const check = runCommand(entry, ["hello", "--batch-size", "0"])
  await expect(check).rejects.toThrow(UsageError)
  await expect(check).rejects.toThrow("--batch-size must be a whole number from 1 to 512, got 0")
})
