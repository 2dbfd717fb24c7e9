/** Random access to the bytes of a file. */
import { type FileHandle, open } from "node:fs/promises"
import { type ByteSource, endsEarly, wrapBytes } from "../byte-source.ts"
import { unreadable } from "../unreadable.ts"
import { MOST_READ, storeIn } from "./held-file.ts"

/** Opens a file, or wraps bytes. Throws an InputError if there is no such file or it is a folder. */
export async function openByteSource(pathOrBytes: string | Uint8Array, options?: OpenFileOptions): Promise<ByteSource> {
  return typeof pathOrBytes === "string" ? openFile(pathOrBytes, options) : wrapBytes(pathOrBytes)
}

export interface OpenFileOptions {
  /** Let large tensors stay in the file until they are wanted: see {@link ByteSource.stored}. Default false. */
  store?: boolean
}

/** Opens a file. Throws an InputError if there is no such file or it is a folder. */
export async function openFile(path: string, { store = false }: OpenFileOptions = {}): Promise<ByteSource> {
  const handle = await open(path).catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(path, cause.code === "ENOENT" ? "no such file" : cause.message, cause)
  })
  const stat = await handle.stat()
  if (!stat.isFile()) {
    await handle.close()
    throw unreadable(path, "it is not a file")
  }
  // On Windows a file that is open cannot be replaced.
  const stored = store && process.platform !== "win32" ? storeIn(path, stat) : undefined
  return {
    name: path,
    size: stat.size,
    ...(stored && { stored }),
    read: (start, target) => readFully(handle, path, start, target),
    close: () => handle.close(),
  }
}

async function readFully(handle: FileHandle, path: string, start: number, target: Uint8Array): Promise<void> {
  let done = 0
  while (done < target.length) {
    const length = Math.min(target.length - done, MOST_READ)
    const { bytesRead } = await handle.read(target, done, length, start + done)
    if (bytesRead === 0) throw endsEarly(path, start + target.length)
    done += bytesRead
  }
}
