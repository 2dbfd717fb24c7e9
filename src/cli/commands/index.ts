/** All commands. A module is loaded when its command runs, so that none pays for the others. */

import type { CommandEntry } from "../command.ts"

export const commands: readonly CommandEntry[] = [
  {
    name: "train",
    summary: "Train an image classifier, or fine-tune one, on a folder of images",
    load: async () => (await import("./train.ts")).default,
  },
  {
    name: "predict",
    summary: "Classify images with a trained model",
    load: async () => (await import("./predict.ts")).default,
  },
  {
    name: "eval",
    summary: "Measure the accuracy of a trained model on labelled images",
    load: async () => (await import("./eval.ts")).default,
  },
  {
    name: "export",
    summary: "Write a model as an ONNX file, checked against the original",
    load: async () => (await import("./export.ts")).default,
  },
  {
    name: "models",
    summary: "List the models that can be built, with parameters and multiply-accumulates",
    load: async () => (await import("./models.ts")).default,
  },
  {
    name: "bench",
    summary: "Time a model's inference and training steps on this machine",
    load: async () => (await import("./bench.ts")).default,
  },
  {
    name: "roadmap",
    summary: "Train and compare the steps from ResNet to ConvNeXt, or show what they cost",
    load: async () => (await import("./roadmap.ts")).default,
  },
]
