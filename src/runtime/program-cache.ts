/** Compiled programs by key: a few are kept, and one that is dropped is released once nobody uses it any more. */

interface Entry<T> {
  value: Promise<T>
  users: number
  dropped: boolean
}

export class ProgramCache<T> {
  readonly #entries = new Map<string, Entry<T>>()
  readonly #capacity: number
  readonly #release: (value: T) => Promise<void>

  /**
   * @param capacity number of programs that are kept; the one that was not used for longest goes first
   * @param release frees what a program holds
   */
  constructor(capacity: number, release: (value: T) => Promise<void>) {
    this.#capacity = capacity
    this.#release = release
  }

  /** Runs `work` with the program of `key`, which is made if it is not there. A failure to make it is not kept. */
  async use<R>(key: string, create: () => Promise<T>, work: (value: T) => Promise<R>): Promise<R> {
    const entry = this.#entries.get(key) ?? this.#add(key, create)
    // The entries stand in the order of their last use.
    if (this.#entries.delete(key)) this.#entries.set(key, entry)
    entry.users++
    try {
      return await work(await entry.value)
    } finally {
      entry.users--
      await this.#releaseIfUnused(entry)
    }
  }

  /** Drops all programs. Settles once those that nobody uses are released; the others follow. */
  async clear(): Promise<void> {
    const entries = [...this.#entries.values()]
    this.#entries.clear()
    await Promise.all(entries.map((entry) => this.#drop(entry)))
  }

  #add(key: string, create: () => Promise<T>): Entry<T> {
    const entry: Entry<T> = { value: create(), users: 0, dropped: false }
    entry.value.catch(() => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key)
    })
    for (const [oldest, old] of this.#entries) {
      if (this.#entries.size < this.#capacity) break
      this.#entries.delete(oldest)
      void this.#drop(old)
    }
    this.#entries.set(key, entry)
    return entry
  }

  #drop(entry: Entry<T>): Promise<void> {
    entry.dropped = true
    return this.#releaseIfUnused(entry)
  }

  async #releaseIfUnused(entry: Entry<T>): Promise<void> {
    if (!entry.dropped || entry.users > 0) return
    const [result] = await Promise.allSettled([entry.value])
    if (result.status === "fulfilled" && entry.users === 0) await this.#release(result.value)
  }
}
