/** Weights by what a person calls them: a file, a folder, a published name, or a repository on the hub. */

import { stat } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import { Network, type StateDict } from "../../models/network.ts"
import {
  findPretrained,
  licenseNotice,
  type PretrainedWeights,
  pretrainedFor,
  suggestPretrained,
} from "../../models/pretrained/index.ts"
import { describeModel } from "../../models/registry.ts"
import { UsageError } from "../../tensor/errors.ts"
import { describeSource, type Sidecars, type WeightsDescription } from "../describe.ts"
import type { DownloadProgress } from "../hub/node/download.ts"
import { parseRepository, type Repository, repositoryLabel } from "../hub/repository.ts"
import { isSameArchitecture } from "../match.ts"
import { type LoadedFile, loadFile, weightFiles } from "./files.ts"
import { imagenetClasses } from "./imagenet-classes.ts"
import { readJsonFile } from "./json-file.ts"

/** Weights, and what is known about them. */
export interface ResolvedWeights extends Omit<WeightsDescription, "license" | "warning"> {
  tensors: StateDict
  /** The path, or the repository, to be named in messages. */
  source: string
  /** The entry of weights that are published for a registered model. */
  published?: PretrainedWeights
  /** To be shown before they are used: how their licence restricts that, what of their description cannot be followed. */
  notice?: string
}

export interface ResolveOptions {
  /** Called as bytes arrive from the hub. */
  onProgress?: DownloadProgress
  /** What differs from the model's registered config: published weights are checked against it before they are downloaded. */
  config?: Readonly<Record<string, unknown>>
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
 * - the path of a checkpoint, or of a folder that has one (a run, a folder of transformers or timm), wherever there is such
 *   a file. A path that is written as one (`./fb_in1k`) is never taken for a name.
 *
 * With them comes what their files say of the model, its classes and how images become inputs.
 *
 * Files of the hub are downloaded once, checked by their hash, and kept in the cache that all tools of Hugging Face share.
 *
 * ```ts
 * const { tensors, notice } = await resolveWeights("fb_in1k", "convnext_tiny")
 * ```
 *
 * @param model the model that tags and `pretrained` belong to
 * Throws a UsageError for a name that means nothing and for published weights of another model, an InputError if the weights cannot be downloaded or read.
 */
export async function resolveWeights(
  name: string,
  model: string,
  options: ResolveOptions = {},
): Promise<ResolvedWeights> {
  if (hubPrefix.test(name)) return fromHub(parseRepository(name.replace(hubPrefix, "")), model, options)
  if (looksLikePath.test(name)) return fromPath(name)
  const published = findPretrained(name, model)
  if (published) return fromPublished(published, parseRepository(published.repository), model, options)
  if (await exists(name)) return fromPath(name)
  if (name.includes("/")) return fromHub(parseRepository(name), model, options)
  const hint = suggestPretrained(name, model)
  throw new UsageError(
    `there are no weights ${JSON.stringify(name)} for ${model}${hint.endsWith("?") ? hint : `${hint};`} weights are a file, a published name, or a repository of the hub (organisation/name)`,
  )
}

async function fromPath(path: string): Promise<ResolvedWeights> {
  const file = await loadFile(path, { store: true })
  return withDescription(file.tensors, path, await sidecarsOf(file))
}

/** What lies in a file and beside it. Of a file with a name of its own nobody knows what the others in its folder are for. */
async function sidecarsOf({ path, metadata }: LoadedFile): Promise<Sidecars> {
  if (path === undefined || !weightFiles.includes(basename(path))) return { metadata }
  const read = (name: string) => readJsonFile(join(dirname(path), name))
  return { metadata, config: await read("config.json"), preprocessor: await read("preprocessor_config.json") }
}

function withDescription(tensors: StateDict, source: string, sidecars: Sidecars): ResolvedWeights {
  const { license, warning, ...description } = describeSource(source, sidecars)
  const notices = [license === undefined ? undefined : licenseNotice(source, license), warning]
  const notice = notices.filter((text) => text !== undefined).join("\n")
  return { tensors, source, ...description, ...(notice === "" ? {} : { notice }) }
}

/** Throws a UsageError unless published weights fit the model. A family gets the config that they are of. */
function requireFit({ name, model: source }: PretrainedWeights, model: string, config: ResolveOptions["config"]): void {
  if (source === model && config === undefined) return
  const own = describeModel(source)
  if (describeModel(model).family === model && own.family === model) return
  if (isSameArchitecture(new Network(own), new Network(describeModel(model, config)))) return
  const tags = pretrainedFor(model).map(({ tag }) => tag)
  const hint = tags.length > 0 ? `; published for ${model} are ${tags.join(", ")}` : ""
  throw new UsageError(`the weights ${name} are of ${source} and do not fit ${model}${hint}`)
}

async function fromPublished(
  published: PretrainedWeights,
  repository: Repository,
  model: string,
  { onProgress, config }: ResolveOptions,
): Promise<ResolvedWeights> {
  const { name, license, numClasses, classes, preprocessing } = published
  requireFit(published, model, config)
  const { repositoryWeights } = await loadHub()
  const path = await repositoryWeights(repository, onProgress)
  const resolved: ResolvedWeights = {
    tensors: (await loadFile(path, { store: true })).tensors,
    source: repositoryLabel(repository),
    published,
    architecture: published.model,
    numClasses,
    preprocessing,
  }
  if (classes) resolved.classes = (await imagenetClasses(classes)).map((each) => each.name)
  const notice = licenseNotice(name, license)
  return notice === undefined ? resolved : { ...resolved, notice }
}

/** The hub's client, loaded when it is needed: it takes longer to load than many a checkpoint. */
const loadHub = () => import("../hub/node/repository-weights.ts")

async function fromHub(repository: Repository, model: string, options: ResolveOptions): Promise<ResolvedWeights> {
  const published = repository.name.startsWith("timm/") ? findPretrained(repository.name, model) : undefined
  if (published) return fromPublished(published, repository, model, options)
  const { repositoryDescription, repositoryWeights } = await loadHub()
  const files = await repositoryDescription(repository)
  const { tensors, metadata } = await loadFile(await repositoryWeights(repository, options.onProgress), {
    store: true,
  })
  return withDescription(tensors, repositoryLabel(repository), { metadata, ...files })
}

/**
 * Weights by a name that means the same wherever it is used: the absolute path, where {@link resolveWeights} takes it for a
 * path.
 */
export async function absoluteWeights(name: string, model: string): Promise<string> {
  const isPath =
    !hubPrefix.test(name) && (looksLikePath.test(name) || (!findPretrained(name, model) && (await exists(name))))
  return isPath ? resolve(name) : name
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
