/**
 * PyTorch's container since 1.6: a zip archive with, in one folder, `data.pkl` (the pickle), `data/KEY` (a storage each),
 * `byteorder`, `version`. torch/serialization.py, caffe2/serialize/inline_container.cc.
 */
import { type ByteSource, readBytes } from "../byte-source.ts"
import { quote, unreadable } from "../unreadable.ts"
import type { Container } from "./container.ts"
import { torchHost } from "./globals.ts"
import { unpickle } from "./unpickle.ts"
import { locateZipEntry, readZipDirectory, type ZipEntry } from "./zip.ts"

/** Opens the archive. Throws an InputError if it is none of PyTorch's, is damaged, or its pickle is refused. */
export async function openArchive(source: ByteSource): Promise<Container> {
  const entries = await readZipDirectory(source)
  const pickle = [...entries.values()].find(({ name }) => /^([^/]+\/)?data\.pkl$/.test(name))
  if (pickle === undefined)
    throw unreadable(source.name, "a zip archive that torch.save did not write: it has no data.pkl")
  const folder = pickle.name.slice(0, -"data.pkl".length)
  if (entries.has(`${folder}constants.pkl`)) {
    throw unreadable(
      source.name,
      "a TorchScript program, which is code; save its weights in Python: torch.save(model.state_dict(), PATH)",
    )
  }
  await checkByteOrder(source, entries.get(`${folder}byteorder`))
  const { value } = unpickle(await readEntry(source, pickle), torchHost, source.name)
  return {
    root: value,
    async locate(key) {
      const entry = entries.get(`${folder}data/${key}`)
      if (entry === undefined) throw unreadable(source.name, `the archive has no storage ${quote(key)}`)
      return { start: await locateZipEntry(source, entry), size: entry.size }
    },
  }
}

/** Throws an InputError for a file of a big-endian machine; before 2.1 the archive did not say. */
async function checkByteOrder(source: ByteSource, entry: ZipEntry | undefined): Promise<void> {
  if (entry === undefined) return
  const order = new TextDecoder().decode(await readEntry(source, entry))
  if (order !== "little") {
    throw unreadable(source.name, `its numbers have byte order ${quote(order)}; only "little" is supported`)
  }
}

async function readEntry(source: ByteSource, entry: ZipEntry): Promise<Uint8Array> {
  return readBytes(source, await locateZipEntry(source, entry), entry.size)
}
