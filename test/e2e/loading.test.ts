/** Reading files keeps up with training. */

import { join } from "node:path"
import { beforeAll, expect, test } from "vitest"
import { train } from "../../src/index.ts"
import { colourPicture, sharedFolder, writeFile } from "../support/images.ts"

const data = sharedFolder()

beforeAll(async () => {
  for (const colour of ["red", "blue"] as const) {
    for (let i = 0; i < 12; i++) {
      writeFile(join(data, colour, `${i}.jpg`), await colourPicture(colour, i, [500, 375]).jpeg().toBuffer())
    }
  }
})

test("a model whose step takes longer than reading its images hardly waits for them", async () => {
  const { epochs } = await train(undefined, {
    data,
    out: join(data, "run"),
    epochs: 2,
    batchSize: 4,
    imageSize: 128,
    valFraction: 0.1,
  })
  // The first epoch begins with nothing read ahead, and with workers that are still starting.
  expect(epochs[1]!.waitShare).toBeLessThan(0.3)
})
