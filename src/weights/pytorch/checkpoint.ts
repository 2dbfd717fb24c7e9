/** PyTorch's files as checkpoints: the state dict in them, its tensors read when they are wanted. */
import { bytesOf, bytesPerElement, type DType, type NdArray, sizeOf, zeros } from "../../tensor/ndarray.ts"
import type { ByteSource } from "../byte-source.ts"
import { allocate, type Checkpoint, checkBooleans, checkedSizeOf, MemoryBudget } from "../checkpoint.ts"
import { quote, unreadable } from "../unreadable.ts"
import { openArchive } from "./archive.ts"
import type { Container } from "./container.ts"
import { openLegacy } from "./legacy.ts"
import { findStateDict } from "./state-dict.ts"
import { copyStrided, isContiguous, viewEnd } from "./strided.ts"
import type { PickledTensor } from "./tensors.ts"

/** Opens a zip archive of `torch.save`. Throws an InputError as {@link openArchive} and {@link findStateDict} do. */
export async function openTorchArchive(source: ByteSource): Promise<Checkpoint> {
  return openStateDict(source, await openArchive(source), "PyTorch")
}

/** Opens a file of `torch.save` before 1.6. Throws an InputError as {@link openLegacy} and {@link findStateDict} do. */
export async function openTorchLegacy(source: ByteSource): Promise<Checkpoint> {
  return openStateDict(source, await openLegacy(source), "PyTorch (legacy)")
}

function openStateDict(source: ByteSource, container: Container, format: string): Checkpoint {
  const views = [...findStateDict(container.root, source.name)].map(
    ([name, tensor]) => [name, checkView(name, tensor, source.name)] as const,
  )
  const storages = new StorageReader(
    source,
    container,
    views.map(([, view]) => view),
  )
  const tensors = views.map(([name, view]) => {
    return { name, dtype: view.dtype, shape: view.shape, read: () => storages.read(name, view) }
  })
  return { format, tensors, metadata: {} }
}

/** Element types that there are arrays for. */
const readable: Record<DType, true> = {
  float32: true,
  float64: true,
  float16: true,
  bfloat16: true,
  int8: true,
  uint8: true,
  int16: true,
  uint16: true,
  int32: true,
  uint32: true,
  int64: true,
  uint64: true,
  bool: true,
}

/** A tensor whose claims are checked, as a view of a storage's bytes. */
interface View {
  dtype: DType
  shape: number[]
  strides: number[]
  key: string
  /** In elements of `dtype`, from the beginning of the storage `key`. */
  offset: number
  /** Bytes that the storage `key` must have at least. */
  storageSize: number
}

/** Throws an InputError for a tensor of an element type without arrays, and for one that leaves its storage. */
function checkView(name: string, { storage, dtype, shape, strides, offset }: PickledTensor, source: string): View {
  if (!isReadable(dtype)) {
    throw unreadable(
      source,
      `tensor ${quote(name)} is ${dtype}, which is not supported; convert it in Python: .to(torch.float32)`,
    )
  }
  const { start, size } = storage.byteRange
  const elementSize = bytesPerElement(dtype)
  const end = viewEnd(offset, shape, strides)
  if (checkedSizeOf(shape) === undefined || !(end * elementSize <= size)) {
    throw unreadable(
      source,
      `tensor ${quote(name)} of shape [${shape.join(", ")}] and strides [${strides.join(", ")}] leaves its storage`,
    )
  }
  if (start % elementSize !== 0) throw unreadable(source, `tensor ${quote(name)} begins inside of an element`)
  return { dtype, shape, strides, key: storage.key, offset: start / elementSize + offset, storageSize: start + size }
}

function isReadable(dtype: string): dtype is DType {
  return Object.hasOwn(readable, dtype)
}

/** Reads views of storages. */
class StorageReader {
  readonly #source: ByteSource
  readonly #container: Container
  readonly #budget: MemoryBudget
  /** Storages that several tensors view: each is read once. */
  readonly #shared = new Map<string, Promise<NdArray>>()
  readonly #views = new Map<string, number>()

  constructor(source: ByteSource, container: Container, views: Iterable<View>) {
    this.#source = source
    this.#container = container
    this.#budget = new MemoryBudget(source.size, source.name)
    for (const view of views) this.#views.set(identify(view), (this.#views.get(identify(view)) ?? 0) + 1)
  }

  /** The values of a view: a part of the storage's array where they lie in order, else a copy. */
  async read(name: string, view: View): Promise<NdArray> {
    const { dtype, shape, strides, offset } = view
    const size = sizeOf(shape)
    if (size === 0) return zeros(shape, dtype)
    const stored = await this.#stored(name, view)
    if (stored) return stored
    const { data } = await this.#storageOf(name, view)
    if (isContiguous(shape, strides)) return { shape: [...shape], dtype, data: data.subarray(offset, offset + size) }
    this.#budget.take(size * bytesPerElement(dtype), name)
    const copy = allocate(name, shape, dtype, this.#source.name)
    copyStrided(data, offset, shape, strides, copy.data)
    return copy
  }

  /** A view that can stay in the file: it has its storage for itself. */
  async #stored(name: string, view: View): Promise<NdArray | undefined> {
    const { dtype, shape, strides, offset } = view
    if (!this.#source.stored || this.#views.get(identify(view))! > 1 || !isContiguous(shape, strides)) return undefined
    const { start } = await this.#locate(name, view)
    return this.#source.stored(start + offset * bytesPerElement(dtype), shape, dtype)
  }

  #storageOf(name: string, view: View): Promise<NdArray> {
    const id = identify(view)
    const storage = this.#shared.get(id) ?? this.#readStorage(name, view)
    if (this.#views.get(id)! > 1) this.#shared.set(id, storage)
    return storage
  }

  /** Where the storage of a view lies. Throws an InputError if it is too small. */
  async #locate(name: string, { key, storageSize }: View): Promise<{ start: number; size: number }> {
    const place = await this.#container.locate(key)
    if (place.size < storageSize) {
      throw unreadable(this.#source.name, `storage ${quote(key)} of tensor ${quote(name)} has only ${place.size} bytes`)
    }
    return place
  }

  async #readStorage(name: string, view: View): Promise<NdArray> {
    const { dtype, storageSize } = view
    const { start, size } = await this.#locate(name, view)
    this.#budget.take(size, name)
    const storage = allocate(name, [Math.floor(storageSize / bytesPerElement(dtype))], dtype, this.#source.name)
    await this.#source.read(start, bytesOf(storage))
    checkBooleans(name, storage, this.#source.name)
    return storage
  }
}

/** What arrays of storages go by: an untyped storage may be viewed as several types. */
function identify({ key, dtype }: View): string {
  return `${dtype} ${key}`
}
