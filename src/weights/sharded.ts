/**
 * Checkpoints in several files, in the layout of transformers: an index in JSON, `{ "metadata": { ... }, "weight_map": {
 * name: file } }`, and the shards beside it, each a whole safetensors or PyTorch file.
 */
import { type ByteSource, type OpenSibling, readBytes, staysInFolder } from "./byte-source.ts"
import type { Checkpoint, StoredTensor } from "./checkpoint.ts"
import { quote, unreadable } from "./unreadable.ts"

/** Indexes are far smaller: some hundred bytes for each tensor. */
const maxIndexSize = 100_000_000

/**
 * Opens the shards that an index names.
 * @param openCheckpoint opens a shard, whatever its format
 * Throws an InputError if the index is damaged, names a file outside of its folder, or a shard lacks one of its tensors.
 */
export async function openSharded(
  source: ByteSource,
  openSibling: OpenSibling,
  openCheckpoint: (source: ByteSource) => Promise<Checkpoint>,
): Promise<Checkpoint> {
  const shards = new Map<string, Map<string, StoredTensor>>()
  const formats = new Set<string>()
  const tensors: StoredTensor[] = []
  for (const [name, file] of await readIndex(source)) {
    if (!shards.has(file)) {
      const shard = await openCheckpoint(await openSibling(file))
      formats.add(shard.format)
      shards.set(file, new Map(shard.tensors.map((tensor) => [tensor.name, tensor])))
    }
    const tensor = shards.get(file)!.get(name)
    if (tensor === undefined)
      throw unreadable(source.name, `tensor ${quote(name)} is not in ${quote(file)}, where it should be`)
    tensors.push(tensor)
  }
  return { format: `sharded ${[...formats].join(", ")}`, tensors, metadata: {} }
}

async function readIndex(source: ByteSource): Promise<[name: string, file: string][]> {
  if (source.size > maxIndexSize)
    throw unreadable(source.name, `${source.size} bytes are too many for an index of shards`)
  const text = new TextDecoder().decode(await readBytes(source, 0, source.size))
  let index: { weight_map?: unknown } | null
  try {
    index = JSON.parse(text)
  } catch (cause) {
    throw unreadable(source.name, "the file begins like an index of shards but is not valid JSON", cause)
  }
  const map = index?.weight_map
  if (typeof map !== "object" || map === null || Array.isArray(map)) {
    throw unreadable(source.name, "a JSON file, but no index of shards: it has no weight_map")
  }
  return Object.entries(map).map(([name, file]) => {
    if (typeof file !== "string" || !staysInFolder(file)) {
      throw unreadable(
        source.name,
        `tensor ${quote(name)} is said to be in ${quote(String(file))}, which is no file beside the index`,
      )
    }
    return [name, file]
  })
}
