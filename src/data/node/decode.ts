/**
 * Image files to RGB pixels, with the same bytes as Pillow's `Image.open(file).convert("RGB")`. The decoders are those
 * of libvips (sharp), and `bmp.ts`; what this file adds are Pillow's rules of what the samples mean, a limit on the
 * number of pixels, and errors that say which file is wrong and why.
 */

import { readFile } from "node:fs/promises"
import sharp, { type Metadata, type Sharp } from "sharp"
import { InputError } from "../../tensor/errors.ts"
import { bmpSize, decodeBmp } from "../bmp.ts"
import { describeContent, type ImageFormat, imageFormat } from "../format.ts"
import { opaqueGif, paintUncovered } from "../gif.ts"
import { createImage, type Image } from "../image.ts"
import { damagedPngChunk, isPlainGrayPng } from "./png.ts"

export interface DecodeOptions {
  /**
   * Turn the picture upright as its EXIF orientation says. Default true. False is what timm and torchvision see: they
   * ignore the tag, but for TIFF (Pillow applies it when it loads) and AVIF (it is part of the picture).
   */
  orient?: boolean
}

/** Pictures of more pixels are refused: twice Pillow's MAX_IMAGE_PIXELS, where Pillow stops as well. */
export const pixelLimit = 178_956_970

/**
 * Decodes a JPEG, PNG, WebP, GIF, TIFF, AVIF or BMP file (of several frames the first) to 3 channels of 8 bits.
 *
 * The content decides which format it is. Alpha is dropped, not composited; gray is repeated; 16-bit gray is clipped at
 * 255 and other 16-bit samples keep their high byte; ICC profiles and gamma are ignored; CMYK becomes RGB by Pillow's
 * formula.
 *
 * Throws an InputError that names the file and says what is wrong with it: not there, not an image, cut short, damaged,
 * or of more than {@link pixelLimit} pixels. Trouble of the machine, such as too many open files or no memory, says
 * nothing about the image, and is any other Error.
 *
 * @param source path of a file, or its content
 */
export async function decodeImage(source: string | Uint8Array, options: DecodeOptions = {}): Promise<Image> {
  const name = typeof source === "string" ? `image ${source}` : "image"
  try {
    const bytes = typeof source === "string" ? await readFile(source) : source
    return await decodeBytes(bytes, options.orient ?? true)
  } catch (error) {
    const fault = imageFault(error)
    if (fault !== undefined) throw new InputError(`cannot read ${name}: ${fault}`, { cause: error })
    throw new Error(`cannot read ${name}: ${(error as Error).message}`, { cause: error })
  }
}

async function decodeBytes(bytes: Uint8Array, orient: boolean): Promise<Image> {
  const format = imageFormat(bytes)
  if (!format) throw new InputError(describeContent(bytes))
  if (format === "bmp") {
    const { width, height } = bmpSize(bytes)
    checkPixels(width, height)
    return decodeBmp(bytes)
  }
  if (format === "png") {
    const chunk = damagedPngChunk(bytes)
    if (chunk) throw new InputError(`the PNG is damaged: the checksum of its ${chunk} chunk is wrong`)
  }
  return decodeWithSharp(bytes, format, orient)
}

async function decodeWithSharp(bytes: Uint8Array, format: ImageFormat, orient: boolean): Promise<Image> {
  const gif = format === "gif" ? opaqueGif(bytes) : undefined
  const input = gif?.bytes ?? bytes
  const metadata = await decoded(open(input).metadata())
  checkPixels(metadata.width, metadata.height)
  const pipeline = open(input)
  if (orient || format === "tiff") pipeline.autoOrient()
  if (metadata.space === "grey16" || metadata.space === "rgb16") {
    const pixels = await readSamples16(pipeline, metadata)
    const isPlainGray = format === "png" ? isPlainGrayPng(bytes) : metadata.channels === 1
    return toRgb8(pixels, isPlainGray ? (sample) => Math.min(sample, 255) : (sample) => sample >> 8)
  }
  if (metadata.depth !== "uchar") {
    throw new InputError(`it has ${metadata.space} samples of type ${metadata.depth}; convert it to 8-bit RGB`)
  }
  const pixels = await readSamples8(pipeline, metadata)
  if (metadata.space === "cmyk") return cmykToRgb(pixels)
  const image = dropAlpha(pixels)
  if (gif) paintUncovered(image, gif)
  return image
}

/** Reading starts only when pixels or metadata are asked for. The limit is checked by us, with a better message. */
function open(bytes: Uint8Array): Sharp {
  return sharp(bytes, { failOn: "truncated", limitInputPixels: false, ignoreIcc: true })
}

function checkPixels(width: number, height: number): void {
  if (width * height > pixelLimit) {
    const limit = pixelLimit.toLocaleString("en")
    throw new InputError(`it claims ${width} x ${height} pixels, more than the limit of ${limit}; reduce it first`)
  }
}

/** Decoded samples, interleaved: gray, gray + alpha, RGB, RGB + alpha or CMYK. */
interface Pixels<Samples extends Uint8Array | Uint16Array> {
  width: number
  height: number
  channels: number
  samples: Samples
}

async function readSamples8(pipeline: Sharp, { space }: Metadata): Promise<Pixels<Uint8Array>> {
  // Without this, libvips would turn CMYK into sRGB by a colour profile.
  if (space === "cmyk") pipeline.pipelineColourspace("cmyk").toColourspace("cmyk")
  const { data, info } = await decoded(pipeline.raw().toBuffer({ resolveWithObject: true }))
  const samples = new Uint8Array(data.buffer, data.byteOffset, data.length)
  return { width: info.width, height: info.height, channels: info.channels, samples }
}

async function readSamples16(pipeline: Sharp, { space }: Metadata): Promise<Pixels<Uint16Array>> {
  pipeline.pipelineColourspace(space).toColourspace(space)
  const { data, info } = await decoded(pipeline.raw({ depth: "ushort" }).toBuffer({ resolveWithObject: true }))
  const samples = new Uint16Array(data.buffer, data.byteOffset, data.length / 2)
  return { width: info.width, height: info.height, channels: info.channels, samples }
}

function toRgb8({ width, height, channels, samples }: Pixels<Uint16Array>, toByte: (sample: number) => number): Image {
  const bytes = new Uint8Array(samples.length)
  for (let i = 0; i < samples.length; i++) bytes[i] = toByte(samples[i]!)
  return dropAlpha({ width, height, channels, samples: bytes })
}

/** Also repeats gray. */
function dropAlpha({ width, height, channels, samples }: Pixels<Uint8Array>): Image {
  if (channels === 3) return { width, height, channels, data: samples }
  const image = createImage(width, height, 3)
  const [green, blue] = channels < 3 ? [0, 0] : [1, 2]
  for (let i = 0, at = 0; i < image.data.length; i += 3, at += channels) {
    image.data[i] = samples[at]!
    image.data[i + 1] = samples[at + green]!
    image.data[i + 2] = samples[at + blue]!
  }
  return image
}

/** Pillow's cmyk2rgb: 255 - k - c (255 - k) / 255, in 8-bit fixed point, for each of c, m and y. */
function cmykToRgb({ width, height, samples }: Pixels<Uint8Array>): Image {
  const image = createImage(width, height, 3)
  for (let i = 0; i < width * height; i++) {
    const light = 255 - samples[i * 4 + 3]!
    for (let channel = 0; channel < 3; channel++) {
      const product = samples[i * 4 + channel]! * light + 128
      image.data[i * 3 + channel] = light - ((product + (product >> 8)) >> 8)
    }
  }
  return image
}

/** What libvips complains of, in one line and without the names of its functions, is the file's fault. */
async function decoded<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    const { message } = error as Error
    if (/out of memory|insufficient memory/i.test(message)) throw error
    const detail = message.split("\n")[0]!.replace("Input buffer has corrupt header: ", "")
    throw new InputError(`it is cut short or damaged (${detail})`, { cause: error })
  }
}

/** The errors of the file system that tell about one file, whenever it is read. */
const fileFaults: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  ELOOP: "it is a link that leads to itself",
  EISDIR: "it is a folder",
  EACCES: "permission is denied",
}

/** What is wrong with the image itself, or undefined where the error has another cause. */
function imageFault(error: unknown): string | undefined {
  if (error instanceof InputError) return error.message
  const { code } = error as NodeJS.ErrnoException
  return code === undefined ? undefined : fileFaults[code]
}
