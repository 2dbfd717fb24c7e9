/** Named values that live on a device and are replaced there: weights in training, what an optimizer keeps. */

import type { NdArray } from "../tensor/ndarray.ts"
import type { Backend, DeviceTensor } from "./backend.ts"

export class DeviceState {
  readonly #backend: Backend
  readonly #values: Record<string, DeviceTensor> = {}

  constructor(backend: Backend) {
    this.#backend = backend
  }

  /** All values, to feed a program. They stay the state's: do not dispose of them. */
  get values(): Readonly<Record<string, DeviceTensor>> {
    return this.#values
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#values, name)
  }

  /** Takes over values that lie on the device, and frees those that they replace. */
  replace(values: Readonly<Record<string, DeviceTensor>>): void {
    for (const [name, value] of Object.entries(values)) {
      this.#values[name]?.dispose()
      this.#values[name] = value
    }
  }

  /** Copies values to the device. */
  async write(values: Readonly<Record<string, NdArray>>): Promise<void> {
    for (const [name, value] of Object.entries(values)) this.replace({ [name]: await this.#backend.upload(value) })
  }

  /** A copy of a value. Throws a RangeError if there is none of that name. */
  async read(name: string): Promise<NdArray> {
    const value = this.#values[name]
    if (!value) throw new RangeError(`the device holds no ${name}`)
    return value.read()
  }

  /** Frees values; without names all of them. */
  dispose(names: readonly string[] = Object.keys(this.#values)): void {
    for (const name of names) {
      this.#values[name]?.dispose()
      delete this.#values[name]
    }
  }
}
