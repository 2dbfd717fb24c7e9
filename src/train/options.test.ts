import { describe, expect, test } from "vitest"
import { z } from "zod"
import { UsageError } from "../tensor/errors.ts"
import { checkOptions, describeValue, optionFields, toCamel, toKebab } from "./option-fields.ts"
import { checkTrainOptions, type TrainOptions, trainOptions } from "./options.ts"

const fields = optionFields(trainOptions)

test("every training option has a description and a placeholder", () => {
  expect(Object.keys(fields).length).toBeGreaterThan(25)
  for (const field of Object.values(fields)) {
    expect(field.description, field.name).toMatch(/^[A-Z].{10,}/)
    expect(field.placeholder, field.name).not.toBe("")
    expect(field.required, field.name).toBe(false)
  }
})

test("a field tells its kind, range and default", () => {
  expect(fields.labelSmoothing).toMatchObject({ kind: "number", from: 0, below: 1 })
  expect(describeValue(fields.labelSmoothing!)).toBe("a number of at least 0 and below 1")
  expect(describeValue(fields.epochs!)).toBe("a whole number of at least 1")
  expect(describeValue(fields.imageSize!)).toBe("a whole number from 8 to 4096")
  expect(describeValue(fields.device!)).toBe("one of auto, cpu, webgpu, cuda, coreml, dml, wasm")
  expect(fields.seed!.default).toBe(0)
  expect(Object.hasOwn(fields.lr!, "default")).toBe(false)
})

test("defaults are filled in, and what the recipe decides stays open", () => {
  const options = checkTrainOptions({ data: "pets", lr: 0.1 })
  expect(options).toMatchObject({ data: "pets", lr: 0.1, accumulate: 1, crop: "auto", device: "auto", strict: false })
  expect(options.epochs).toBeUndefined()
})

describe("a wrong value names the option, its range and the value", () => {
  test.each<[Record<string, unknown>, string | RegExp]>([
    [{ lr: -1 }, "lr must be a number above 0, got -1"],
    [{ epochs: 2.5 }, "epochs must be a whole number of at least 1, got 2.5"],
    [{ ema: 1 }, "ema must be a number of at least 0 and below 1, got 1"],
    [{ crop: "centre" }, 'crop must be one of auto, random-resized, shift, none, got "centre"'],
    [{ flip: "yes" }, 'flip must be true or false, got "yes"'],
    [{ lr: Number.NaN }, "lr must be a number above 0, got NaN"],
    [{ batchsize: 3 }, "unknown option batchsize, did you mean batchSize?"],
    [{ optimizer: "adam" }, 'optimizer must be one of adamw, sgd, got "adam", did you mean adamw?'],
    [{ optimizer: "SGD" }, "did you mean sgd?"],
    [{ optimizer: "lion" }, /^optimizer must be one of adamw, sgd, got "lion"$/],
    [{ device: "gpu" }, /got "gpu"$/],
    [{ ema: { decay: 2 } }, 'ema must be a number of at least 0 and below 1, got {"decay":2}'],
    [{ ema: { decay: 0.9, warmup: false } }, 'got {"decay":0.9,"warmup":false}'],
    [{ freeze: -1 }, "freeze must be text, a whole number of at least 0 or a list, got -1"],
    [{ freeze: [] }, "freeze must be text, a whole number of at least 0 or a list, got []"],
  ])("%o", (options, message) => {
    const check = () => checkTrainOptions(options as TrainOptions)
    expect(check).toThrow(UsageError)
    expect(check).toThrow(message)
  })
})

test("freeze and ema are taken in the forms of createTrainer too", () => {
  expect(checkTrainOptions({ ema: { decay: 0.9 } }).ema).toBe(0.9)
  expect(checkTrainOptions({ ema: 0.9 }).ema).toBe(0.9)
  for (const freeze of ["backbone", 2, ["stem", "stages.0"]])
    expect(checkTrainOptions({ freeze }).freeze).toEqual(freeze)
})

test("a missing option says what it is", () => {
  const schema = z.object({ run: z.string().meta({ placeholder: "RUN", description: "Folder of a run" }) })
  expect(() => checkOptions(schema, {}, (name) => `--${name}`)).toThrow("--run is missing: folder of a run")
})

test("names go from camel to kebab and back", () => {
  for (const name of Object.keys(fields)) expect(toCamel(toKebab(name))).toBe(name)
  expect(toKebab("limitBatches")).toBe("limit-batches")
})
