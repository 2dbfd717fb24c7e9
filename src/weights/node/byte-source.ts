/** Random access to the bytes of a file. */
import { type FileHandle, open } from "node:fs/promises"
import { type ByteSource, endsEarly, wrapBytes } from "../byte-source.ts"
import { unreadable } from "../unreadable.ts"

/** The most that one read asks for; Node refuses 2 GiB and more. */
const maxReadSize = 2 ** 30

/** Opens a file, or wraps bytes. Throws an InputError if there is no such file or it is a folder. */
export async function openByteSource(pathOrBytes: string | Uint8Array): Promise<ByteSource> {
  return typeof pathOrBytes === "string" ? openFile(pathOrBytes) : wrapBytes(pathOrBytes)
}

/** Opens a file. Throws an InputError if there is no such file or it is a folder. */
export async function openFile(path: string): Promise<ByteSource> {
  const handle = await open(path).catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(path, cause.code === "ENOENT" ? "no such file" : cause.message, cause)
  })
  const stat = await handle.stat()
  if (!stat.isFile()) {
    await handle.close()
    throw unreadable(path, "it is not a file")
  }
  return {
    name: path,
    size: stat.size,
    read: (start, target) => readFully(handle, path, start, target),
    close: () => handle.close(),
  }
}

async function readFully(handle: FileHandle, path: string, start: number, target: Uint8Array): Promise<void> {
  let done = 0
  while (done < target.length) {
    const length = Math.min(target.length - done, maxReadSize)
    const { bytesRead } = await handle.read(target, done, length, start + done)
    if (bytesRead === 0) throw endsEarly(path, start + target.length)
    done += bytesRead
  }
}
