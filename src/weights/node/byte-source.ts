/** Random access to the bytes of a file or of memory, so that a reader takes only what it has checked. */
import { type FileHandle, open } from "node:fs/promises"
import { InputError } from "../../tensor/errors.ts"

export interface ByteSource {
  /** What it is called in errors. */
  readonly name: string
  /** Bytes there are. */
  readonly size: number
  /** Fills `target` with the bytes from `start` on. Throws an InputError if the source ends before. */
  read(start: number, target: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** The most that one read asks for; Node refuses 2 GiB and more. */
const maxReadSize = 2 ** 30

/** Opens a file, or wraps bytes. Throws an InputError if there is no such file or it is a folder. */
export async function openByteSource(pathOrBytes: string | Uint8Array): Promise<ByteSource> {
  return typeof pathOrBytes === "string" ? openFile(pathOrBytes) : wrapBytes(pathOrBytes)
}

function wrapBytes(bytes: Uint8Array): ByteSource {
  return {
    name: "the given bytes",
    size: bytes.length,
    async read(start, target) {
      if (start + target.length > bytes.length) throw endsEarly(this.name, start, target.length)
      target.set(bytes.subarray(start, start + target.length))
    },
    async close() {},
  }
}

async function openFile(path: string): Promise<ByteSource> {
  const handle = await open(path).catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(`cannot read ${path}: ${cause.code === "ENOENT" ? "no such file" : cause.message}`, { cause })
  })
  const stat = await handle.stat()
  if (!stat.isFile()) {
    await handle.close()
    throw new InputError(`cannot read ${path}: it is not a file`)
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
    if (bytesRead === 0) throw endsEarly(path, start, target.length)
    done += bytesRead
  }
}

function endsEarly(name: string, start: number, length: number): InputError {
  return new InputError(`cannot read ${name}: it ends before byte ${start + length}`)
}
