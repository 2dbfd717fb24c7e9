import { mkdirSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { temporaryFolder } from "../../../test/data/image-folder.ts"
import { InputError } from "../../tensor/errors.ts"
import { retryWhileHeld, writeFileAtomic } from "./atomic-file.ts"

/** Fails with `code` so many times before it is done, and counts its calls. */
function heldFor(times: number, code: string) {
  const held = {
    calls: 0,
    async replace() {
      if (held.calls++ < times) throw Object.assign(new Error(`${code}: held`), { code })
    },
  }
  return held
}

test("a file is replaced as a whole, and nothing is left beside it", async () => {
  const folder = temporaryFolder()
  const path = join(folder, "state.json")
  await writeFileAtomic(path, ["old"])
  await writeFileAtomic(path, ["new ", Uint8Array.of(0x21)])
  expect(readFileSync(path, "utf8")).toBe("new !")
  expect(readdirSync(folder)).toEqual(["state.json"])
})

test("what cannot be replaced is named, and the temporary file is gone", async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, "taken"))
  await expect(writeFileAtomic(join(folder, "taken"), ["text"])).rejects.toThrow(InputError)
  expect(readdirSync(folder)).toEqual(["taken"])
})

test.each(["EPERM", "EACCES", "EBUSY"])(
  "on Windows a file that a scanner holds for a moment is waited for: %s",
  async (code) => {
    const held = heldFor(2, code)
    await retryWhileHeld(held.replace, "win32")
    expect(held.calls).toBe(3)
  },
)

test("a file that stays held, another error, and any error elsewhere are thrown", async () => {
  const forever = heldFor(Number.POSITIVE_INFINITY, "EBUSY")
  await expect(retryWhileHeld(forever.replace, "win32")).rejects.toThrow("EBUSY: held")
  expect(forever.calls).toBe(6)
  for (const [code, platform] of [
    ["ENOSPC", "win32"],
    ["EPERM", "linux"],
  ] as const) {
    const once = heldFor(1, code)
    await expect(retryWhileHeld(once.replace, platform)).rejects.toThrow(`${code}: held`)
    expect(once.calls).toBe(1)
  }
})
