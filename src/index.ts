/** Train, evaluate, use and export modern image models, in Node. */

import { registerBackends } from "./runtime/backend.ts"
import { createNodeBackend } from "./runtime/node/ort.ts"

registerBackends(createNodeBackend)

export { type CreateModelOptions, createModel, listModels, type Model, type ModelInfo } from "./models/model.ts"
export { createTrainer, type Trainer, type TrainerOptions } from "./train/trainer.ts"
