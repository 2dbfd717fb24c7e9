/** Naming tables: what a codebase calls the tensors of an architecture, by rules that can be read in both directions. */

import { type NdArray, sizeOf } from "../../tensor/ndarray.ts"
import { withShape } from "../../tensor/stored.ts"
import { Pattern } from "./pattern.ts"

/** What is known of an architecture by its names in timm. */
export interface Architecture {
  /** How people call it. */
  name: string
  /** Families of models that have these names. */
  families: readonly string[]
  /** Patterns of all its names. */
  names: readonly string[]
  /** Layers that give the logits. */
  classifiers: readonly string[]
}

/** A change of shape between timm's layout and another. The values stay in their order. */
export interface Layout {
  fromTimm(shape: readonly number[]): number[]
  toTimm(shape: readonly number[]): number[]
}

/** A tensor's name in timm, its name elsewhere (or those of its equal parts along axis 0), and another layout there. */
export type Rule = readonly [timm: string, other: string | readonly string[], layout?: Layout]

/** The shape of a tensor by its name in timm, or undefined if it is not there. The layout is the codebase's. */
export type ShapeOf = (timm: string) => readonly number[] | undefined

/** The names of one architecture in one codebase. Of several rules for a name the first counts. */
export interface NameTable {
  architecture: Architecture
  rules: readonly Rule[]
  /** Patterns of weights that the codebase has and image classification does not need. */
  unused?: readonly string[]
  /** Where names alone do not tell: whether weights of these shapes have the table's names. */
  fits?: (shapeOf: ShapeOf) => boolean
}

/** Rules for names that are the same as in timm. */
export const same = (names: readonly string[]): Rule[] => names.map((name) => [name, name])

/** Where a tensor of another codebase belongs. */
export interface TimmName {
  name: string
  /** Which one of several parts it is. */
  part: number
  parts: number
  layout?: Layout
}

/** Tensors by name, of which only shapes are looked at. */
export type Shapes = Readonly<Record<string, Pick<NdArray, "shape">>>

/** A table made ready to use. */
export class Naming {
  readonly architecture: Architecture
  readonly #rules: readonly { timm: Pattern; others: readonly Pattern[]; layout?: Layout }[]
  readonly #unused: readonly Pattern[]
  readonly #fits: (shapeOf: ShapeOf) => boolean

  constructor({ architecture, rules, unused = [], fits = () => true }: NameTable) {
    this.architecture = architecture
    this.#fits = fits
    this.#rules = rules.map(([timm, other, layout]) => ({
      timm: new Pattern(timm),
      others: [other].flat().map((name) => new Pattern(name)),
      layout,
    }))
    this.#unused = unused.map((name) => new Pattern(name))
  }

  /** Where the tensor belongs, or undefined if the codebase has no such name. */
  toTimm(name: string): TimmName | undefined {
    for (const { timm, others, layout } of this.#rules) {
      for (const [part, other] of others.entries()) {
        const bindings = other.match(name)
        const timmName = bindings && timm.fill(bindings)
        if (timmName !== undefined) return { name: timmName, part, parts: others.length, layout }
      }
    }
    return undefined
  }

  /** The codebase's names for the parts of a tensor of timm, or undefined if it has none. */
  fromTimm(name: string): { names: string[]; layout?: Layout } | undefined {
    for (const { timm, others, layout } of this.#rules) {
      const bindings = timm.match(name)
      const names = bindings && others.map((other) => other.fill(bindings)).filter((filled) => filled !== undefined)
      if (names?.length === others.length) return { names, layout }
    }
    return undefined
  }

  /** Whether weights by the codebase's names can be of this table, as far as shapes tell. */
  fits(tensors: Shapes): boolean {
    return this.#fits((timm) => tensors[this.fromTimm(timm)?.names[0] ?? timm]?.shape)
  }

  /** Whether weights by timm's names can be of this table, as far as shapes tell. */
  fitsTimm(tensors: Shapes): boolean {
    return this.#fits((timm) => tensors[timm]?.shape)
  }

  /** Whether the tensor is one that is not needed. */
  isUnused(name: string): boolean {
    return derived.test(name) || this.#unused.some((pattern) => pattern.match(name) !== undefined)
  }
}

/** What follows from the config, or counts the steps of an average: no codebase needs it. */
const derived = /(^|\.)(relative_position_index|attn_mask|n_averaged)$/

/** Reshapes without copying. What has not the layout that is expected stays as it is. */
export function reshaped(value: NdArray, layout: (shape: readonly number[]) => number[]): NdArray {
  const shape = layout(value.shape)
  return sizeOf(shape) === sizeOf(value.shape) ? withShape(value, shape) : value
}

/** [C] in timm, [C, 1, 1] elsewhere. */
export const perChannelMap: Layout = {
  fromTimm: (shape) => [...shape, 1, 1],
  toTimm: (shape) => shape.slice(0, 1),
}

/** [C] in timm, [1, 1, 1, C] elsewhere. */
export const channelsLast: Layout = {
  fromTimm: (shape) => [1, 1, 1, ...shape],
  toTimm: (shape) => shape.slice(-1),
}

/**
 * [out, in] elsewhere, and in timm also [out, in, 1, 1], which is a matter of the model's `convMlp`: a model that wants
 * that gets it when the weights are loaded.
 */
export const linear: Layout = {
  fromTimm: (shape) => (shape.length === 4 && shape[2] === 1 && shape[3] === 1 ? shape.slice(0, 2) : [...shape]),
  toTimm: (shape) => [...shape],
}
