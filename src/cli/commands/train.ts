/** `convnext train`: from a folder of images to a trained model. */

import { relative } from "node:path"
import { shellCommand } from "../../run/shell.ts"
import type { TrainResult } from "../../run/train.ts"
import { trainOptions } from "../../train/options.ts"
import { type CommandResult, defineCommand } from "../command.ts"
import { loadLibrary } from "../library.ts"
import { createProgress } from "../progress.ts"
import { listenForStop } from "../signals.ts"
import { formatPercent } from "../table.ts"

export default defineCommand({
  details:
    "What is not given is chosen for the data. The run's folder holds the resolved configuration, checkpoints, metrics and a report; Ctrl-C saves a checkpoint to go on from.",
  options: trainOptions,
  positionals: ["data"],
  examples: [
    ["convnext train pets/", "A folder with one subfolder of images per class"],
    ["convnext train pets/ --model convnext_tiny --epochs 50 --lr 1e-3", "With choices of your own"],
    ["convnext train pets/ --config pets.yaml --seed 2", "Options from a file, one of them overridden"],
    ["convnext train pets/ --fast-dev-run", "Two batches only: does everything work?"],
    ["convnext train --resume runs/pets", "Go on after an interruption, to the same result"],
  ],
  async run(_, { given, note }) {
    const { train } = await loadLibrary()
    const progress = await createProgress(process.stderr)
    const stop = listenForStop(
      () => progress.message("stopping after this step to save a checkpoint; press Ctrl-C again to exit at once"),
      () => progress.stop(),
    )
    try {
      // The options as given, without defaults: a resumed run takes what is not given from its own configuration.
      const result = await train(undefined, {
        ...given,
        signal: stop.signal,
        onStart: (start) => progress.start(start),
        onStep: (step) => progress.step(step),
        onEpoch: (record) => progress.epoch(record),
        onMessage: (text) => progress.message(text),
      })
      progress.stop()
      if (result.stopped === "patience") note(`stopped early: no better top-1 since epoch ${result.best.epoch}`)
      return finish(result, stop.exitCode())
    } finally {
      progress.stop()
      stop.release()
    }
  },
})

function finish(result: TrainResult, exitCode: number | undefined): CommandResult {
  if (result.stopped !== "signal") return { json: result, text: () => trainSummary(result) }
  const resume = shellCommand("npx", "convnext", "train", "--resume", result.folder)
  const { length } = result.epochs
  const text = () => `stopped after ${length} finished ${length === 1 ? "epoch" : "epochs"}; go on with\n  ${resume}`
  return { json: result, text, exitCode: exitCode ?? 1 }
}

/** What was reached, where it is, and the next things to try. */
export function trainSummary({ folder, data, example, best, reportPath, onnxPath }: TrainResult): string {
  const shown = (path: string) => relative("", path) || path
  const next = [
    shellCommand("npx", "convnext", "predict", folder, example === undefined ? "photo.jpg" : shown(example)),
    shellCommand("npx", "convnext", "eval", folder, shown(data)),
    shellCommand("npx", "convnext", "export", folder),
  ]
  return [
    `best top-1 ${formatPercent(best.top1)} in epoch ${best.epoch}`,
    `report  ${reportPath}`,
    ...(onnxPath ? [`ONNX    ${onnxPath}`] : []),
    "",
    "Next, try",
    ...next.map((command) => `  ${command}`),
  ].join("\n")
}
