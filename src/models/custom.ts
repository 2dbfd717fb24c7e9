/** Networks of one's own as models: what a plain module does not say of itself is found out, and it gets a name. */

import { bindModule, Module } from "../nn/module.ts"
import { printShape } from "../tensor/dim.ts"
import { checkCount, UsageError } from "../tensor/errors.ts"
import type { BaseConfig, ImageModel, ModelFamily, Preprocessing } from "./family.ts"
import { registerFamily } from "./registry.ts"

/**
 * A network of one's own: a module with `forward`: [N, H, W, C] -> [N, numClasses]. It may have the other members of
 * {@link ImageModel}; those that it lacks are filled in:
 * - `forwardFeatures` and `forwardHead`, which come together: the features are the logits themselves.
 * - `classifiers`, `firstConv`: the layers whose parameters change their shape with `numClasses` and with `inChannels`.
 * - `layerGroup`: one layer for each field of the network, in the order of the fields, and for each member of a list.
 * - `featureInfo`, `forwardPyramid`: no pyramid.
 */
export type OwnNetwork = Module & Partial<Omit<ImageModel, keyof Module>>

export interface ModelDefinition<C extends object> {
  /** Letters, digits, `_` and `-`: what `createModel`, checkpoints and exported files call it. */
  name: string
  /**
   * The network's own options with their defaults, in what JSON can hold: `createModel` takes others as `config`.
   * Defaults of `inChannels` (3), `numClasses` (1000) and `dropPathRate` (0) can be given here too.
   */
  defaults?: C
  /** Builds the network. Called more than once, also with other numbers of classes and channels. */
  build(config: C & BaseConfig): OwnNetwork
  /** How images become inputs, where it is not as for ImageNet: 224 pixels, its mean and std. */
  preprocessing?: Partial<Preprocessing>
  /** Option that takes the side of the images in pixels, for networks that are made for one size. Default: they take any. */
  sizeField?: keyof C & string
}

/**
 * Registers a network of one's own: from then on `createModel` makes it by its name, and what comes with a model works,
 * such as training, checkpoints and export. A program that reads such a checkpoint must define the model too.
 * @example
 * defineModel({
 *   name: "my_net",
 *   defaults: { width: 32 },
 *   build: ({ width, inChannels, numClasses }) => new MyNet(inChannels, width, numClasses),
 * })
 * const model = await createModel("my_net", { config: { width: 64 }, numClasses: 10, inputSize: 28 })
 *
 * Throws a UsageError if the name is taken or is none.
 */
export function defineModel<C extends object>(definition: ModelDefinition<C>): void {
  const { name, defaults, preprocessing, sizeField } = definition
  if (!/^\w[\w-]*$/.test(name)) {
    throw new UsageError(`the name of a model consists of letters, digits, _ and -, got ${JSON.stringify(name)}`)
  }
  const family: ModelFamily<BaseConfig> = {
    name,
    defaults: { inChannels: 3, numClasses: 1000, dropPathRate: 0, ...defaults },
    models: { [name]: { config: {}, preprocessing } },
    validate: ({ numClasses }) => checkCount(`numClasses of ${name}`, numClasses),
    build: (config) => complete(definition, config as C & BaseConfig),
    minimumSize: () => 1,
    sizeField: sizeField as keyof BaseConfig | undefined,
  }
  registerFamily(family)
}

/** Builds the network, with all that an {@link ImageModel} has. */
function complete<C extends object>({ name, build }: ModelDefinition<C>, config: C & BaseConfig): ImageModel {
  const root = build(config)
  if (!(root instanceof Module)) throw new UsageError(`${name}: build must give a Module of convnext/nn`)
  if ("forwardFeatures" in root !== "forwardHead" in root) {
    throw new UsageError(`${name}: forwardFeatures and forwardHead go together: implement both or neither`)
  }
  const members: { [Member in keyof Omit<ImageModel, "forward" | "noWeightDecay">]: () => ImageModel[Member] } = {
    forwardFeatures: () => (x, context) => checkLogits(name, root.forward(x, context), config),
    forwardHead: () => (features) => features,
    forwardPyramid: () => () => {
      throw new UsageError(`${name} gives no feature pyramid: implement forwardPyramid and featureInfo`)
    },
    featureInfo: () => [],
    classifiers: () => {
      const layers = layersThatChange(root, build({ ...config, numClasses: config.numClasses + 1 }))
      if (layers.length > 0) return layers
      throw new UsageError(`${name}: no layer depends on numClasses: make the last one with config.numClasses outputs`)
    },
    firstConv: () => layersThatChange(root, build({ ...config, inChannels: config.inChannels + 1 }))[0] ?? "",
    layerGroup: () => layerGroups(root),
  }
  for (const [member, make] of Object.entries(members)) {
    // Not enumerable: they are no fields that hold parameters.
    if (!(member in root)) Object.defineProperty(root, member, { value: make() })
  }
  return root as ImageModel
}

function checkLogits(name: string, logits: ReturnType<Module["forward"]>, { numClasses }: BaseConfig): typeof logits {
  if (logits.rank === 2 && logits.dim(1) === numClasses) return logits
  throw new UsageError(`${name}: forward must give [N, ${numClasses}], it gives ${printShape(logits.shape)}`)
}

/** Paths of the layers of which a parameter has another shape in the other network, in the order of the fields. */
function layersThatChange(root: Module, other: Module): string[] {
  const others = bindModule(other).parameters
  const changed = [...bindModule(root).parameters].filter(
    ([name, { size }]) => printShape(others.get(name)?.size ?? []) !== printShape(size),
  )
  return [...new Set(changed.map(([name]) => (name.includes(".") ? name.slice(0, name.lastIndexOf(".")) : name)))]
}

/** Number of the field, or of the member of a list, that a parameter belongs to: `stem.weight`, `blocks.0.fc.weight`. */
function layerGroups(root: Module): (parameter: string) => number {
  const groupOf = (parameter: string) => /^[^.]+(\.\d+(?=\.|$))?/.exec(parameter)![0]
  const groups = [...new Set([...bindModule(root).parameters.keys()].map(groupOf))]
  return (parameter) => groups.indexOf(groupOf(parameter))
}
