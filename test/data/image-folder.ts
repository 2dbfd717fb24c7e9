/** Image folders made on the fly for tests. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, extname, join } from "node:path"
import sharp, { type FormatEnum } from "sharp"
import { onTestFinished } from "vitest"
import { Random } from "../../src/tensor/random.ts"

/** A temporary folder that is removed when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "convnext-data-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/**
 * Writes the files into a temporary folder and returns its path. A name alone becomes a picture of noise, in the format
 * of its extension, another for each name; `[name, content]` becomes a file with that content.
 */
export async function imageFolder(files: readonly (string | [name: string, content: string | Uint8Array])[]) {
  const root = temporaryFolder()
  for (const file of files) {
    const [name, content] = typeof file === "string" ? [file, await noisePicture(file)] : file
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), content)
  }
  return root
}

const formats: Record<string, keyof FormatEnum> = { jpg: "jpeg", tif: "tiff" }

/** An encoded picture of 24 x 18 random pixels. */
export function noisePicture(name: string): Promise<Buffer> {
  const extension = extname(name).slice(1).toLowerCase()
  const random = new Random(0, name)
  const pixels = Uint8Array.from({ length: 24 * 18 * 3 }, () => random.integer(256))
  return sharp(pixels, { raw: { width: 24, height: 18, channels: 3 } })
    .toFormat(formats[extension] ?? (extension as keyof FormatEnum))
    .toBuffer()
}
