/** What every reader gives: the tensors that a checkpoint has, known by its headers, each to be read when it is wanted. */
import { type DType, type NdArray, zeros } from "../tensor/ndarray.ts"
import { quote, unreadable } from "./unreadable.ts"

/** A tensor in a file. */
export interface StoredTensor {
  name: string
  dtype: DType
  shape: number[]
  /**
   * Reads its values, row-major. Arrays of tensors that share a storage in a PyTorch file share memory.
   * Throws an InputError if the file is cut short or damaged there.
   */
  read(): Promise<NdArray>
}

/** An opened checkpoint. Its tensors can be read while its source is open. */
export interface Checkpoint {
  /** Name of the format, as people call it. */
  format: string
  tensors: StoredTensor[]
  /** Free text that travels with the tensors; only safetensors has it. */
  metadata: Record<string, string>
}

/** Reads all tensors, one after the other. */
export async function readAll({ tensors }: Checkpoint): Promise<Record<string, NdArray>> {
  const arrays: [string, NdArray][] = []
  for (const tensor of tensors) arrays.push([tensor.name, await tensor.read()])
  return Object.fromEntries(arrays)
}

/** A zero-filled array for tensor `name`. Throws an InputError if the process cannot have that much memory. */
export function allocate(name: string, shape: readonly number[], dtype: DType, source: string): NdArray {
  try {
    return zeros(shape, dtype)
  } catch (cause) {
    throw unreadable(source, `no memory for the values of tensor ${quote(name)}: ${dtype} [${shape.join(", ")}]`, cause)
  }
}

/** Throws an InputError if a tensor of booleans holds anything but 0 and 1. */
export function checkBooleans(name: string, { dtype, data }: NdArray, source: string): void {
  if (dtype === "bool" && (data as Uint8Array).some((value) => value > 1)) {
    throw unreadable(source, `tensor ${quote(name)} is of booleans but holds other values than 0 and 1`)
  }
}

/** Number of elements of a shape that a file claims, or undefined if it is more than a number can hold exactly. */
export function checkedSizeOf(shape: readonly number[]): number | undefined {
  let size = 1
  for (const dim of shape) {
    size *= dim
    if (!Number.isSafeInteger(size)) return undefined
  }
  return size
}

/**
 * What a file may make its reader allocate: a few times its own size. Tensors that view the same bytes and strides of
 * zero let a small file describe any amount of memory.
 */
export class MemoryBudget {
  readonly #source: string
  #left: number

  /** @param size bytes of the files that are read. */
  constructor(size: number, source: string) {
    this.#left = 4 * size + 2 ** 24
    this.#source = source
  }

  /** Takes `bytes` for tensor `name`. Throws an InputError if that is more than is left. */
  take(bytes: number, name: string): void {
    this.#left -= bytes
    if (this.#left < 0) {
      throw unreadable(this.#source, `its tensors, at ${quote(name)}, need far more memory than the file has bytes`)
    }
  }
}
