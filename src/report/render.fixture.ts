/** A run as it could have been, for the tests of the report. */
import { Random } from "../tensor/random.ts"
import type { EpochRecord } from "../train/record.ts"
import type { ClassScore, LayerSummary, ReportData } from "./data.ts"

const breeds = `Abyssinian|American Bulldog|American Pit Bull Terrier|Basset Hound|Beagle|Bengal|Birman|Bombay|Boxer
British Shorthair|Chihuahua|Egyptian Mau|English Cocker Spaniel|English Setter|German Shorthaired|Great Pyrenees
Havanese|Japanese Chin|Keeshond|Leonberger|Maine Coon|Miniature Pinscher|Newfoundland|Persian|Pomeranian|Pug|Ragdoll
Russian Blue|Saint Bernard|Samoyed|Scottish Terrier|Shiba Inu|Siamese|Sphynx|Staffordshire Bull Terrier|Wheaten Terrier
Yorkshire Terrier`.split(/[|\n]/)

/** A finished run on `classCount` classes over `epochCount` epochs. */
export function reportFixture(classCount: number, epochCount: number): ReportData {
  const random = new Random(1, "report fixture", classCount, epochCount)
  const classes = Array.from({ length: classCount }, (_, i) => breeds[i] ?? `Class ${i + 1}`)
  const confusion = drawConfusion(classCount, random)
  const epochs = Array.from({ length: epochCount }, (_, i) => drawEpoch(i + 1, epochCount, random))
  const best = epochs.reduce((a, b) => (b.top1 > a.top1 ? b : a))
  const layers = tinyLayers()
  return {
    title: "convnext_tiny on Oxford-IIIT Pet",
    command: "convnext train pets/ --model convnext_tiny --weights timm/convnext_tiny.fb_in1k --recipe finetune",
    version: "0.1.0",
    createdAt: "2026-03-14T09:26:53.589Z",
    config: {
      model: "convnext_tiny",
      weights: "timm/convnext_tiny.fb_in1k",
      data: { source: "pets/", classes: classCount, skipUnreadable: true, notes: "" },
      optimizer: { name: "adamw", lr: 0.0004, weightDecay: 0.05, betas: [0.9, 0.999], layerDecay: 0.75 },
      augment: [
        { name: "randaugment", magnitude: 9 },
        { name: "erase", probability: 0.25 },
      ],
      ema: null,
      epochs: epochCount,
    },
    model: {
      name: "convnext_tiny",
      parameters: layers.reduce((sum, { parameters }) => sum + parameters, 0),
      macs: layers.reduce((sum, { macs }) => sum + macs, 0),
      inputShape: [224, 224, 3],
      layers,
    },
    data: {
      description: `Oxford-IIIT Pet, ${classCount} breeds`,
      classes,
      trainCount: 3680,
      valCount: 3669,
      skipped: [
        {
          source: "pets/images/Abyssinian_34.jpg",
          reason: "not an image: the file is a GIF cut short after 1,024 bytes",
        },
        { source: "pets/images/Egyptian_Mau_139.jpg", reason: "unsupported image format" },
      ],
      warnings: ["Class Bombay has 12 training images, the largest class 100: consider a balanced sampler."],
    },
    epochs,
    best: { epoch: best.epoch, metric: "top1", value: best.top1 },
    evaluation: {
      loss: best.valLoss,
      top1: best.top1,
      top5: best.top5,
      count: confusion.flat().reduce((sum, count) => sum + count, 0),
      confusion,
      perClass: scoreClasses(classes, confusion),
    },
    mistakes: Array.from({ length: 12 }, (_, i) => ({
      image: drawImage(random),
      source: `pets/images/${classes[i % classCount]!.replaceAll(" ", "_")}_${random.integer(200)}.jpg`,
      label: classes[i % classCount]!,
      predicted: classes[(i + 1) % classCount]!,
      probability: 0.99 - i * 0.03,
    })),
    augmented: Array.from({ length: 16 }, (_, i) => ({
      image: drawImage(random),
      label: classes[(i * 5) % classCount]!,
    })),
    runtime: {
      device: "cpu",
      threads: 16,
      machine: "AMD EPYC 9354 32-Core Processor, 128 GiB, Linux",
      seconds: epochs.reduce((sum, { seconds }) => sum + seconds, 0),
      imagesPerSecond: 41.7,
      waitShare: 0.013,
      peakMemoryBytes: 5.4 * 2 ** 30,
    },
    commands: [
      { title: "Reproduce", command: "convnext train --config runs/pets/config.yaml --out runs/pets-again" },
      { title: "Resume", command: "convnext train --resume runs/pets --epochs 20" },
      { title: "Predict", command: "convnext predict runs/pets cat.jpg --top-k 5" },
      { title: "Export", command: "convnext export runs/pets --format onnx --out pets.onnx" },
    ],
  }
}

function drawEpoch(epoch: number, count: number, random: Random): EpochRecord {
  const progress = epoch / count
  const learned = 1 - Math.exp(-4 * progress)
  return {
    epoch,
    step: epoch * 57,
    trainLoss: 3.6 - 2.5 * learned + random.normal(0, 0.03),
    valLoss: 3.4 - 3.1 * learned + 0.12 * progress ** 3 + random.normal(0, 0.03),
    top1: 0.93 * learned + random.normal(0, 0.006),
    top5: Math.min(1, 0.4 + 0.6 * learned),
    lr: progress < 0.15 ? (4e-4 * progress) / 0.15 : 2e-4 * (1 + Math.cos((Math.PI * (progress - 0.15)) / 0.85)),
    gradNorm: 2 + 6 * Math.exp(-3 * progress) + random.uniform(0, 0.6),
    imagesPerSecond: 41.7 + random.normal(0, 0.5),
    waitShare: epoch === 1 ? 0.06 : random.uniform(0.005, 0.02),
    memoryBytes: Math.min(5.4, 4.9 + 0.1 * epoch) * 2 ** 30,
    seconds: 88 + random.uniform(0, 3),
  }
}

function drawConfusion(count: number, random: Random): number[][] {
  return Array.from({ length: count }, (_, truth) => {
    const row = new Array<number>(count).fill(0)
    for (let i = 0; i < 90; i++) {
      const wrong = random.uniform() < 0.08
      const near = Math.round(Math.abs(random.normal(truth, 4)))
      row[wrong ? Math.min(near, count - 1) : truth]!++
    }
    return row
  })
}

function scoreClasses(names: string[], confusion: number[][]): ClassScore[] {
  return names.map((name, i) => {
    const support = confusion[i]!.reduce((sum, count) => sum + count, 0)
    const predicted = confusion.reduce((sum, row) => sum + row[i]!, 0)
    const right = confusion[i]![i]!
    return {
      name,
      precision: right / predicted,
      recall: right / support,
      f1: (2 * right) / (support + predicted),
      support,
    }
  })
}

/** The layers of ConvNeXt-T at 224 x 224. */
function tinyLayers(): LayerSummary[] {
  const layers: LayerSummary[] = []
  const add = (name: string, type: string, size: number, channels: number, weights: number, bias: number) => {
    const macs = type === "LayerNorm" ? 0 : weights * size * size
    layers.push({ name, type, outputShape: ["N", size, size, channels], parameters: weights + bias, macs })
  }
  const depths = [3, 3, 9, 3]
  const dims = [96, 192, 384, 768]
  add("stem.0", "Conv2d", 56, 96, 4 * 4 * 3 * 96, 96)
  add("stem.1", "LayerNorm", 56, 96, 96, 96)
  for (const [s, dim] of dims.entries()) {
    const size = 56 / 2 ** s
    if (s > 0) add(`stages.${s}.downsample.0`, "LayerNorm", size * 2, dim / 2, dim / 2, dim / 2)
    if (s > 0) add(`stages.${s}.downsample.1`, "Conv2d", size, dim, 2 * dim * dim, dim)
    for (let b = 0; b < depths[s]!; b++) {
      const block = `stages.${s}.blocks.${b}`
      add(`${block}.conv_dw`, "DepthwiseConv2d", size, dim, 49 * dim, dim)
      add(`${block}.norm`, "LayerNorm", size, dim, dim, dim)
      add(`${block}.mlp.fc1`, "Linear", size, 4 * dim, 4 * dim * dim, 4 * dim)
      add(`${block}.mlp.fc2`, "Linear", size, dim, 4 * dim * dim, dim)
    }
  }
  layers.push({ name: "head.norm", type: "LayerNorm", outputShape: ["N", 768], parameters: 1536, macs: 0 })
  layers.push({ name: "head.fc", type: "Linear", outputShape: ["N", 37], parameters: 768 * 37 + 37, macs: 768 * 37 })
  return layers
}

/** A small landscape. */
function drawImage(random: Random): string {
  const hue = random.integer(360)
  const [x, y] = [random.integer(60) + 20, random.integer(30) + 20]
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100"><rect width="100" height="100" fill="hsl(${hue} 45% 72%)"/><circle cx="${x}" cy="${y}" r="12" fill="hsl(${hue + 40} 80% 88%)"/><path d="M0 ${50 + y / 2}Q25 ${30 + y} 50 ${55 + y / 3}T100 ${60}V100H0Z" fill="hsl(${hue + 150} 30% 38%)"/></svg>`
  return `data:image/svg+xml;base64,${btoa(svg)}`
}
