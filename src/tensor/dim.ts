/**
 * Dimensions of symbolic shapes. A dimension is a number, or a multiple of a symbol that gets its value when the graph
 * runs: "N" is the batch, "196*N" the rows that a batch of 14 x 14 feature maps has. Equal dimensions are equal values.
 */

export type Dim = number | string
export type Shape = readonly Dim[]

interface Term {
  times: number
  symbol: string
}

function parse(dim: Dim): Term {
  if (typeof dim === "number") return { times: dim, symbol: "" }
  const star = dim.indexOf("*")
  return star < 0 ? { times: 1, symbol: dim } : { times: Number(dim.slice(0, star)), symbol: dim.slice(star + 1) }
}

function print({ times, symbol }: Term): Dim {
  if (symbol === "" || times === 0) return times
  return times === 1 ? symbol : `${times}*${symbol}`
}

/** The symbol that a dimension is a multiple of, or undefined for a number. */
export function symbolOf(dim: Dim): string | undefined {
  return typeof dim === "number" ? undefined : parse(dim).symbol
}

/** Product of two dimensions. Throws a RangeError if both are symbolic. */
export function multiplyDims(a: Dim, b: Dim): Dim {
  const x = parse(a)
  const y = parse(b)
  if (x.symbol && y.symbol) throw new RangeError(`cannot multiply the symbolic dimensions ${a} and ${b}`)
  return print({ times: x.times * y.times, symbol: x.symbol || y.symbol })
}

/** Quotient of two dimensions, or undefined if it is no whole number or no multiple of one symbol. */
export function divideDims(a: Dim, b: Dim): Dim | undefined {
  const x = parse(a)
  const y = parse(b)
  if (y.times === 0 || x.times % y.times !== 0) return undefined
  if (y.symbol && x.symbol !== y.symbol) return undefined
  return print({ times: x.times / y.times, symbol: y.symbol ? "" : x.symbol })
}

/** Number of elements of a shape. */
export function productOf(shape: Shape): Dim {
  return shape.reduce<Dim>(multiplyDims, 1)
}

/** Replaces symbols by their values. Throws a RangeError for a symbol that has none. */
export function bindShape(shape: Shape, values: Readonly<Record<string, number>>): number[] {
  return shape.map((dim) => {
    const { times, symbol } = parse(dim)
    if (!symbol) return times
    const value = values[symbol]
    if (value === undefined) throw new RangeError(`dimension ${symbol} of [${shape.join(", ")}] has no value`)
    return times * value
  })
}

/**
 * The values that symbols must have for `shape` to be `actual`. Throws a RangeError where they cannot be equal, and where a
 * symbol would be 0: means of nothing are not numbers, and devices differ in what they make of an empty batch.
 */
export function matchShape(
  shape: Shape,
  actual: readonly number[],
  values: Record<string, number> = {},
): Record<string, number> {
  const fail = () => new RangeError(`expected shape ${printShape(shape)}, got ${printShape(actual)}`)
  if (shape.length !== actual.length) throw fail()
  shape.forEach((dim, i) => {
    const { times, symbol } = parse(dim)
    const size = actual[i]!
    if (!symbol) {
      if (times !== size) throw fail()
      return
    }
    if (size === 0) throw new RangeError(`${printShape(actual)} is empty: ${symbol} must be at least 1`)
    const value = size / times
    if (!Number.isInteger(value) || (values[symbol] !== undefined && values[symbol] !== value)) throw fail()
    values[symbol] = value
  })
  return values
}

const symbolic = /^([1-9]\d*\*)?[A-Za-z_][\w.]*$/

/** Throws a RangeError unless the shape is a list of whole numbers and multiples of symbols. */
export function expectDims(shape: Shape): void {
  if (!Array.isArray(shape)) throw new RangeError(`the shape must be a list of dimensions, got ${shape}`)
  for (const dim of shape) {
    if (typeof dim === "string" ? symbolic.test(dim) : Number.isInteger(dim) && dim >= 0) continue
    throw new RangeError(`${printShape(shape)} is no shape: ${dim} is neither a whole number nor a symbol like N`)
  }
}

/** `[N, 56, 56, 96]` */
export function printShape(shape: Shape): string {
  return `[${shape.join(", ")}]`
}

/** True if both shapes have the same dimensions. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i])
}
