/** What both of PyTorch's containers give: the pickled object, and where in the file the storages are that it refers to. */

/** Bytes of a file. */
export interface ByteRange {
  start: number
  size: number
}

export interface Container {
  /** What was saved, as plain data with tensors in it. */
  root: unknown
  /** The bytes of a storage. Throws an InputError if there is no such storage or it is damaged. */
  locate(key: string): Promise<ByteRange>
}
