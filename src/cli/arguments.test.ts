import { expect, test } from "vitest"
import { z } from "zod"
import { UsageError } from "../tensor/errors.ts"
import { optionFields } from "../train/option-fields.ts"
import { parseArguments, usageOf } from "./arguments.ts"

const schema = z.object({
  model: z.string().meta({ placeholder: "RUN" }),
  files: z.array(z.string()).optional().meta({ placeholder: "FILE" }),
  batchSize: z.int().optional(),
  lr: z.number().optional(),
  flip: z.boolean().optional(),
  help: z.boolean().optional(),
})
const rules = { command: "predict", fields: optionFields(schema), positionals: ["model", "files"] }
const parse = (...argv: string[]) => parseArguments(argv, rules)

test("flags take their values after a space or an equals sign, and numbers become numbers", () => {
  expect(parse("--batch-size", "8", "--lr=1e-3")).toEqual({ batchSize: 8, lr: 0.001 })
  expect(parse("--lr", "-1")).toEqual({ lr: -1 })
  expect(parse("--lr=0.1", "--lr=0.2")).toEqual({ lr: 0.2 })
})

test("what is no number stays text, for the check to reject", () => {
  expect(parse("--lr", "fast", "--batch-size=")).toEqual({ lr: "fast", batchSize: "" })
})

test("booleans are set by their name, unset by --no-, or given a value", () => {
  expect(parse("--flip")).toEqual({ flip: true })
  expect(parse("--no-flip")).toEqual({ flip: false })
  expect(parse("--flip=false")).toEqual({ flip: false })
  expect(parse("--flip=maybe")).toEqual({ flip: "maybe" })
  expect(parse("-h")).toEqual({ help: true })
})

test("positional arguments may stand anywhere, the last takes all that follow, and -- ends the flags", () => {
  expect(parse("runs/a", "--flip", "a b.jpg", "c.jpg")).toEqual({
    model: "runs/a",
    flip: true,
    files: ["a b.jpg", "c.jpg"],
  })
  expect(parse("runs/a", "--", "--flip")).toEqual({ model: "runs/a", files: ["--flip"] })
})

test("mistakes are usage errors that suggest what was meant", () => {
  for (const [argv, message] of [
    [["--batchsize", "3"], "unknown option --batchsize, did you mean --batch-size?"],
    [["--no-lr"], "unknown option --no-lr, did you mean --lr?"],
    [["-x"], "unknown option -x"],
    [["--whatever-this-is"], "unknown option --whatever-this-is; see convnext predict --help"],
    [["--lr"], "--lr needs a value: a number"],
    [["--lr", "--flip"], "--lr needs a value: a number"],
    [["--constructor"], "unknown option --constructor"],
  ] as const) {
    expect(() => parse(...argv)).toThrow(UsageError)
    expect(() => parse(...argv)).toThrow(message)
  }
  expect(() => parseArguments(["a", "b"], { ...rules, positionals: ["model"] })).toThrow(
    'unexpected argument "b"; the usage is: convnext predict RUN',
  )
})

test("the usage marks what may be left out and what may come several times", () => {
  expect(usageOf(rules)).toBe("predict RUN [FILE...]")
})
