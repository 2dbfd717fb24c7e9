import { expect, test } from "vitest"
import { InputError } from "../../tensor/errors.ts"
import { findStateDict } from "./state-dict.ts"
import { PickledStorage, PickledTensor } from "./tensors.ts"

const tensor = () => new PickledTensor(new PickledStorage("0", "float32", 0, 1), "float32", 0, [1], [1])
const dict = (entries: Record<string, unknown>) => new Map<unknown, unknown>(Object.entries(entries))
const [raw, average] = [tensor(), tensor()]
const state = (value: PickledTensor) => dict({ "head.weight": value })

test.each<[string, Record<string, unknown>, PickledTensor]>([
  ["a bare state dict", { "head.weight": raw }, raw],
  ["model", { model: state(raw), epoch: 3, optimizer: dict({ state: dict({}) }) }, raw],
  ["state_dict", { state_dict: state(raw), arch: "convnext_tiny" }, raw],
  ["model_state_dict", { model_state_dict: state(raw), loss: tensor() }, raw],
  [
    "the average before the raw weights, timm's names",
    { state_dict: state(raw), state_dict_ema: state(average) },
    average,
  ],
  ["the average before the raw weights, Facebook's names", { model: state(raw), model_ema: state(average) }, average],
  ["the raw weights where there is no average", { model: state(raw), model_ema: null }, raw],
  ["the raw weights where the average is empty", { state_dict: state(raw), state_dict_ema: dict({}) }, raw],
  ["a wrapper in a wrapper", { model: dict({ state_dict: state(raw) }) }, raw],
  ["weights beside the model's name", { model: "convnext_tiny", state_dict: state(raw) }, raw],
  ["the only dict with tensors", { my_weights: state(raw), optimizer: dict({ momentum: tensor() }), epoch: 1 }, raw],
])("takes %s", (_, root, expected) => {
  expect([...findStateDict(dict(root), "x")]).toEqual([["head.weight", expected]])
  expect(findStateDict(dict(root), "x").get("head.weight")).toBe(expected)
})

test("prefixes of wrappers are removed, in any order and from each name; what is no tensor is dropped", () => {
  const root = dict({
    "module.a": tensor(),
    "module._orig_mod.b": tensor(),
    "_orig_mod.module.c": tensor(),
    n_averaged: tensor(),
    "block.module.d": tensor(),
    "module._extra_state": null,
    version: "1.0",
  })
  root.set(7, tensor())
  expect([...findStateDict(root, "x").keys()]).toEqual(["a", "b", "c", "n_averaged", "block.module.d"])
})

test.each<[string, unknown, RegExp]>([
  ["a list", [tensor()], /holds a list/],
  ["a single tensor", tensor(), /holds a single tensor/],
  ["a number", 3, /holds a number/],
  ["nothing", dict({}), /holds no state dict; its keys are none/],
  ["no tensors", dict({ epoch: 3, args: dict({}) }), /its keys are "epoch", "args"/],
  ["two networks", dict({ student: state(raw), teacher: state(average) }), /several state dicts.*"student", "teacher"/],
  ["a name with and without a prefix", dict({ a: tensor(), "module.a": tensor() }), /tensor "a" twice/],
])("refuses %s", (_, root, message) => {
  expect(() => findStateDict(root, "x.pth")).toThrow(InputError)
  expect(() => findStateDict(root, "x.pth")).toThrow(message)
})

test("a dict that holds itself is searched once around", () => {
  const root = dict({ epoch: 1 })
  root.set("model", root)
  expect(() => findStateDict(root, "x")).toThrow(/no state dict/)
})
