/** Weights by what a person calls them: a file, a folder, a published name, or a repository on the hub. */

import { stat } from "node:fs/promises"
import type { Preprocessing } from "../../models/family.ts"
import type { StateDict } from "../../models/network.ts"
import {
  findPretrained,
  licenseNotice,
  type PretrainedWeights,
  suggestPretrained,
} from "../../models/pretrained/index.ts"
import { UsageError } from "../../tensor/errors.ts"
import type { DownloadProgress } from "../hub/node/download.ts"
import { repositoryConfig, repositoryWeights } from "../hub/node/repository-weights.ts"
import { parseRepository, type Repository, repositoryLabel } from "../hub/repository.ts"
import { loadTensors } from "./files.ts"
import { imagenetClasses } from "./imagenet-classes.ts"

/** Weights, and what is known about them. */
export interface ResolvedWeights {
  tensors: StateDict
  /** The path, or the repository, to be named in messages. */
  source: string
  /** The entry of weights that are published for a registered model. */
  published?: PretrainedWeights
  /** timm's name of the model that they are for. */
  architecture?: string
  /** Outputs of their classifier, 0 if they have none. */
  numClasses?: number
  /** Names of the classes, in the order of the logits. */
  classes?: string[]
  /** How images become inputs. */
  preprocessing?: Partial<Preprocessing>
  /** To be shown before they are used: how their licence restricts that. */
  notice?: string
}

export interface ResolveOptions {
  /** Called as bytes arrive from the hub. */
  onProgress?: DownloadProgress
}

/** Says that what follows is a repository on the hub, also where it looks like a path. */
const hubPrefix = /^(hf|hf-hub):/

/** Says that a name is meant as a path. */
const looksLikePath = /^[./~\\]|^[A-Za-z]:[\\/]|\.(safetensors|pth|pt|bin|ckpt|onnx|tar|json)$/i

/**
 * Loads weights by
 * - the name of published weights: `convnext_tiny.fb_in1k`, `timm/convnext_tiny.fb_in1k`, a tag of the model (`fb_in1k`),
 *   or `pretrained` for the model's default;
 * - `hf:organisation/name` or `organisation/name`, both also with `@revision`: a repository on the hub;
 * - the path of a checkpoint or of a folder that has one, wherever there is such a file. A path that is written as one
 *   (`./fb_in1k`) is never taken for a name.
 *
 * Files of the hub are downloaded once, checked by their hash, and kept in the cache that all tools of Hugging Face share.
 *
 * ```ts
 * const { tensors, notice } = await resolveWeights("fb_in1k", "convnext_tiny")
 * ```
 *
 * @param model the model that tags and `pretrained` belong to
 * Throws a UsageError for a name that means nothing, an InputError if the weights cannot be downloaded or read.
 */
export async function resolveWeights(
  name: string,
  model: string,
  { onProgress }: ResolveOptions = {},
): Promise<ResolvedWeights> {
  if (hubPrefix.test(name)) return fromHub(parseRepository(name.replace(hubPrefix, "")), model, onProgress)
  if (looksLikePath.test(name)) return fromPath(name)
  const published = findPretrained(name, model)
  if (published) return fromPublished(published, parseRepository(published.repository), onProgress)
  if (await exists(name)) return fromPath(name)
  if (name.includes("/")) return fromHub(parseRepository(name), model, onProgress)
  const hint = suggestPretrained(name, model) || ";"
  throw new UsageError(
    `there are no weights ${JSON.stringify(name)} for ${model}${hint} Weights are a file, a published name, or a repository of the hub (organisation/name)`,
  )
}

async function fromPath(path: string): Promise<ResolvedWeights> {
  return { tensors: await loadTensors(path), source: path }
}

async function fromPublished(
  published: PretrainedWeights,
  repository: Repository,
  onProgress?: DownloadProgress,
): Promise<ResolvedWeights> {
  const { name, model, license, numClasses, classes, preprocessing } = published
  const path = await repositoryWeights(repository, onProgress)
  const resolved: ResolvedWeights = {
    tensors: await loadTensors(path),
    source: repositoryLabel(repository),
    published,
    architecture: model,
    numClasses,
    preprocessing,
  }
  if (classes) resolved.classes = (await imagenetClasses(classes)).map((each) => each.name)
  const notice = licenseNotice(name, license)
  return notice === undefined ? resolved : { ...resolved, notice }
}

async function fromHub(repository: Repository, model: string, onProgress?: DownloadProgress): Promise<ResolvedWeights> {
  const published = repository.name.startsWith("timm/") ? findPretrained(repository.name, model) : undefined
  if (published) return fromPublished(published, repository, onProgress)
  const { license, ...config } = await repositoryConfig(repository)
  const path = await repositoryWeights(repository, onProgress)
  const source = repositoryLabel(repository)
  const resolved: ResolvedWeights = { tensors: await loadTensors(path), source, ...config }
  const notice = license === undefined ? undefined : licenseNotice(source, license)
  return notice === undefined ? resolved : { ...resolved, notice }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
