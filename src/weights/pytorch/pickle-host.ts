/** What a pickle's machine and those who decide on its names have in common. */

/** A class or function of Python, by its name alone. */
export class Global {
  readonly module: string
  readonly name: string

  constructor(module: string, name: string) {
    this.module = module
    this.name = name
  }

  /** `torch._utils._rebuild_tensor_v2` */
  get path(): string {
    return `${this.module}.${this.name}`
  }
}

/** An object that is not rebuilt; what it holds is dropped. */
export class Opaque {
  readonly type: Global

  constructor(type: Global) {
    this.type = type
  }
}

/** A pickle is damaged or refused. The message goes on from "cannot read FILE: ". */
export class MalformedPickle extends Error {
  override name = "MalformedPickle"
}

/** Decides what names, calls and persistent ids stand for. Each may throw a {@link MalformedPickle}. */
export interface PickleHost {
  find(module: string, name: string): unknown
  call(callee: Global, args: readonly unknown[]): unknown
  persistent(id: unknown): unknown
}
