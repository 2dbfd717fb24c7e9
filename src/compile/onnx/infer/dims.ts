/**
 * Arithmetic of dimensions that may be open (null) or a multiple of a symbol ("196*N"), and of the small constants that
 * exporters compute shapes with: their elements are dimensions too, or fractions where they scale one.
 */

import { divideDims, multiplyDims, symbolOf } from "../../../tensor/dim.ts"
import type { OnnxDim } from "../description.ts"

export type OnnxShape = readonly OnnxDim[]

/** Thrown where a rule needs something that is not known, or that does not fit: the result is not known then. */
export class Unknown extends Error {
  override name = "Unknown"
}

/** Ends a rule without a result. */
export function unknown(): never {
  throw new Unknown()
}

/** The value, which must be known. */
export function known<T>(value: T | null | undefined): T {
  return value ?? unknown()
}

/** The shape as numbers. */
export function concrete(shape: OnnxShape): number[] {
  return shape.map((dim) => (typeof dim === "number" ? dim : unknown()))
}

export function multiply(a: OnnxDim, b: OnnxDim): OnnxDim {
  if (a === 0 || b === 0) return 0
  if (a === null || b === null) return null
  if (typeof a === "number" && typeof b === "number") return a * b
  // A fraction of a symbol, or a product of two, has no form.
  const fits = (dim: number | string) => typeof dim === "string" || (Number.isInteger(dim) && dim > 0)
  if (!fits(a) || !fits(b) || (typeof a === "string" && typeof b === "string")) return null
  return multiplyDims(a, b)
}

/** The quotient where it is a whole number, whatever the symbols stand for. */
export function divide(a: OnnxDim, b: OnnxDim): OnnxDim {
  if (a === null || b === null || b === 0) return null
  return divideDims(a, b) ?? null
}

export function add(a: OnnxDim, b: OnnxDim): OnnxDim {
  if (a === 0) return b
  if (b === 0) return a
  return typeof a === "number" && typeof b === "number" ? a + b : null
}

/** Number of elements. */
export function product(dims: OnnxShape): OnnxDim {
  return dims.reduce<OnnxDim>(multiply, 1)
}

/** NumPy's broadcasting. A dimension of more than 1 wins over an open one. */
export function broadcast(...shapes: OnnxShape[]): OnnxShape {
  const rank = Math.max(...shapes.map(({ length }) => length))
  return Array.from({ length: rank }, (_, i) => shapes.map((shape) => aligned(shape, i, rank)).reduce(broadcastDim, 1))
}

function aligned(shape: OnnxShape, i: number, rank: number): OnnxDim {
  const at = i - rank + shape.length
  return at < 0 ? 1 : shape[at]!
}

function broadcastDim(a: OnnxDim, b: OnnxDim): OnnxDim {
  if (a === b || b === 1) return a
  if (a === 1) return b
  if (typeof a === "number" && typeof b === "number") return unknown()
  return typeof a === "number" ? a : typeof b === "number" ? b : null
}

/** An axis in 0 .. rank - 1. */
export function axisOf(axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis
  return Number.isInteger(positive) && positive >= 0 && positive < rank ? positive : unknown()
}

/** What a dimension counts for one image: the symbols of the batch are 1. Undefined where it is open. */
export function sizeForOne(dim: OnnxDim, batch: ReadonlySet<string>): number | undefined {
  if (typeof dim !== "string") return dim ?? undefined
  const symbol = symbolOf(dim)!
  return batch.has(symbol) ? Number(divideDims(dim, symbol)) : undefined
}

/**
 * A name that a file gives to a dimension, as a dimension that can be computed with. Names that are formulas, as
 * "floor(height/2) + 1", stand for nothing here.
 */
export function symbolic(dim: OnnxDim): OnnxDim {
  if (typeof dim !== "string") return dim
  if (/^\d+$/.test(dim)) return Number(dim)
  return /^([1-9]\d*\*)?[^\s*/+()-]+$/.test(dim) ? dim : null
}
