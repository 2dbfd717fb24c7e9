/**
 * PyTorch's container before 1.6, and still with `_use_new_zipfile_serialization=False`: five pickles one after the other
 * (a magic number, the protocol's version, the machine, the object, the keys of the storages), then for each key the
 * number of elements as int64 and the elements. torch/serialization.py, _legacy_save.
 */
import { type ByteSource, readBytes } from "../byte-source.ts"
import { quote, unreadable } from "../unreadable.ts"
import type { ByteRange, Container } from "./container.ts"
import { torchHost } from "./globals.ts"
import type { PickleHost } from "./pickle-host.ts"
import { elementSizes, PickledStorage } from "./tensors.ts"
import { PickleEndsEarly, unpickle } from "./unpickle.ts"

const magicNumber = 0x1950a86a20f9469cfc6cn
const protocolVersion = 1001

/** Bytes in which the pickles are looked for at first; most are shorter. */
const firstWindow = 2 ** 20

/** Opens a legacy file. Throws an InputError if it is another pickle, is damaged, or its pickle is refused. */
export async function openLegacy(source: ByteSource): Promise<Container> {
  const { root, keys, end, elementTypes } = await readPickles(source)
  const ranges = await findStorages(source, keys, end, elementTypes)
  return {
    root,
    async locate(key) {
      const range = ranges.get(key)
      if (range === undefined) throw unreadable(source.name, `it has no storage ${quote(key)}`)
      return range
    },
  }
}

interface Pickles {
  root: unknown
  keys: string[]
  /** Where the pickles end and the storages begin. */
  end: number
  /** Element type of each storage that the pickle refers to. */
  elementTypes: Map<string, string>
}

/** Where the pickles end is known only once they are read: reads more of the file until they are all there. */
async function readPickles(source: ByteSource): Promise<Pickles> {
  for (let size = firstWindow; ; size *= 4) {
    const bytes = await readBytes(source, 0, Math.min(size, source.size))
    try {
      return parsePickles(bytes, source.name)
    } catch (error) {
      const mayGoOn = error instanceof Error && error.cause instanceof PickleEndsEarly && bytes.length < source.size
      if (!mayGoOn) throw error
    }
  }
}

function parsePickles(bytes: Uint8Array, source: string): Pickles {
  const elementTypes = new Map<string, string>()
  const host: PickleHost = {
    ...torchHost,
    persistent(id) {
      const value = torchHost.persistent(id)
      if (value instanceof PickledStorage) elementTypes.set(value.key, value.dtype)
      return value
    },
  }
  let end = 0
  const next = () => {
    const pickle = unpickle(bytes, host, source, end)
    end = pickle.end
    return pickle.value
  }
  if (next() !== magicNumber) throw unreadable(source, "a Python pickle that torch.save did not write")
  const version = next()
  if (version !== protocolVersion) throw unreadable(source, `PyTorch's legacy format in the unknown version ${version}`)
  const machine = next()
  if (!(machine instanceof Map) || machine.get("little_endian") !== true) {
    throw unreadable(source, "its numbers were written by a big-endian machine; only little-endian ones are supported")
  }
  const root = next()
  const keys = next()
  if (!Array.isArray(keys)) throw unreadable(source, "its list of storages is damaged")
  return { root, keys: keys.map((key) => storageKey(key, source)), end, elementTypes }
}

/** Texts and numbers only: lists that hold one another become texts of any length. */
function storageKey(key: unknown, source: string): string {
  if (typeof key === "string" || typeof key === "number" || typeof key === "bigint") return String(key)
  throw unreadable(source, `its list of storages is damaged: a key is of a wrong type (${typeof key})`)
}

/** Steps through the storages, whose places follow from their sizes. */
async function findStorages(
  source: ByteSource,
  keys: readonly string[],
  start: number,
  elementTypes: Map<string, string>,
): Promise<Map<string, ByteRange>> {
  const ranges = new Map<string, ByteRange>()
  let at = start
  for (const key of keys) {
    const type = elementTypes.get(key)
    if (type === undefined || ranges.has(key))
      throw unreadable(source.name, `its list of storages is damaged at ${quote(key)}`)
    const prefix = await readBytes(source, at, 8)
    const elements = Number(new DataView(prefix.buffer).getBigInt64(0, true))
    const size = elements * elementSizes[type]!
    if (elements < 0 || at + 8 + size > source.size) {
      throw unreadable(source.name, `the file is cut short or damaged at storage ${quote(key)} of ${elements} elements`)
    }
    ranges.set(key, { start: at + 8, size })
    at += 8 + size
  }
  return ranges
}
