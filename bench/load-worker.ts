/** Writes a checkpoint, or loads one and asks the model once. Takes and prints JSON. */

import { createModel, exportModel, saveSafetensors } from "convnext"

export interface LoadOptions {
  model: string
  path: string
  /** Write fresh weights instead of loading. */
  write?: boolean
}

/** Milliseconds since the package was imported. */
export interface LoadTimes {
  /** The model is there. */
  loaded: number
  /** It is compiled, and has answered. */
  answered: number
  peakBytes: number
}

const { model: name, path, write } = JSON.parse(process.argv[2]!) as LoadOptions
if (write) {
  const model = await createModel(name)
  if (path.endsWith(".pth")) await exportModel(model, path, { to: "torchvision" })
  else await saveSafetensors(path, model.stateDict())
  console.log("{}")
} else {
  const start = performance.now()
  const model = await createModel(name, { weights: path, onMessage: () => {} })
  const loaded = performance.now() - start
  await model.forward({ shape: [1, 224, 224, 3], dtype: "float32", data: new Float32Array(224 * 224 * 3) })
  const answered = performance.now() - start
  const times: LoadTimes = { loaded, answered, peakBytes: process.resourceUsage().maxRSS * 1024 }
  console.log(JSON.stringify(times))
}
