/**
 * Makes assets/fashion-mnist from the full Fashion-MNIST: of each class the same number of images, drawn at random with
 * a fixed seed, in their original order and format.
 *
 *     apt-get download dataset-fashion-mnist && dpkg-deb -x dataset-fashion-mnist_*.deb fashion-mnist
 *     npm run build
 *     node scripts/make-fashion-mnist.mjs fashion-mnist/usr/share/datasets/fashion-mnist
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { argv, exit } from "node:process"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { encodePng } from "../dist/data/node/encode.js"
import { readIdx } from "../dist/data/node/idx.js"
import { Random } from "../dist/tensor/random.js"

const seed = 0
const classCount = 10
const imagesPerClass = { train: 1000, t10k: 200 }
const target = fileURLToPath(new URL("../assets/fashion-mnist", import.meta.url))

const [source] = argv.slice(2)
if (!source) {
  console.error("usage: node scripts/make-fashion-mnist.mjs FOLDER   (the folder of the four files of Fashion-MNIST)")
  exit(2)
}
for (const [part, perClass] of Object.entries(imagesPerClass)) {
  const labels = await readIdx(join(source, `${part}-labels-idx1-ubyte.gz`))
  const images = await readIdx(join(source, `${part}-images-idx3-ubyte.gz`))
  const chosen = chooseBalanced(labels.data, perClass, part)
  writeIdx(join(target, `${part}-labels-idx1-ubyte.gz`), takeRows(labels, chosen))
  writeIdx(join(target, `${part}-images-idx3-ubyte.gz`), takeRows(images, chosen))
  if (part === "t10k") await writeExamples(takeRows(images, chosen), takeRows(labels, chosen))
}

/** The first test image of each class as a PNG file, to try a trained model on. */
async function writeExamples({ dims, data }, labels) {
  const [, height, width] = dims
  const names = readFileSync(join(target, "labels.txt"), "utf8").trim().split("\n")
  mkdirSync(join(target, "examples"), { recursive: true })
  for (const [label, name] of names.entries()) {
    const index = labels.data.indexOf(label)
    const pixels = data.subarray(index * height * width, (index + 1) * height * width)
    const file = `${name.toLowerCase().replaceAll(/[^a-z]+/g, "-")}.png`
    writeFileSync(join(target, "examples", file), await encodePng({ width, height, channels: 1, data: pixels }))
  }
}

/** Indices of `perClass` images of each class, in ascending order. */
function chooseBalanced(labels, perClass, part) {
  const chosen = []
  for (let label = 0; label < classCount; label++) {
    const members = Array.from(labels.keys()).filter((index) => labels[index] === label)
    const order = new Random(seed, "fashion-mnist", part, label).permutation(members.length)
    for (const member of order.subarray(0, perClass)) chosen.push(members[member])
  }
  return chosen.sort((a, b) => a - b)
}

function takeRows({ dims, data }, rows) {
  const size = data.length / dims[0]
  const taken = new Uint8Array(rows.length * size)
  for (const [i, row] of rows.entries()) taken.set(data.subarray(row * size, (row + 1) * size), i * size)
  return { dims: [rows.length, ...dims.slice(1)], data: taken }
}

function writeIdx(file, { dims, data }) {
  const header = Buffer.alloc(4 + 4 * dims.length)
  header.set([0, 0, 0x08, dims.length])
  for (const [axis, dim] of dims.entries()) header.writeUInt32BE(dim, 4 + 4 * axis)
  writeFileSync(file, gzipSync(Buffer.concat([header, data]), { level: 9, memLevel: 9 }))
}
