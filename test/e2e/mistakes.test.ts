/** What people get wrong, and what goes wrong around them: one line that helps, an exit code, nothing left behind. */

import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { beforeAll, describe, expect, test } from "vitest"
import { loadRun, loadTensors, saveSafetensors, train } from "../../src/index.ts"
import { convnext, quickTraining } from "../support/cli.ts"
import { colourPicture, sharedFolder, writeColourFolder, writeFile } from "../support/images.ts"

const cwd = sharedFolder()
const at = (...parts: string[]) => join(cwd, ...parts)

beforeAll(async () => {
  await writeColourFolder(at("colours"))
  await writeColourFolder(at("one class"), { red: 2 })
  mkdirSync(at("empty"))
  writeFile(at("loose", "photo.png"), await colourPicture("red", 0).png().toBuffer())
  writeFile(at("file.txt"), "text")
  writeFile(at("unknown.yaml"), "epochs: 2\nbatch_sise: 4\n")
  writeFile(at("wrong.yaml"), "epochs: many\n")
  writeFile(at("broken.yaml"), "epochs: [1\n")
  writeFile(at("list.yaml"), "- epochs\n")
  const { folder } = await train(undefined, { data: at("colours"), out: at("run"), fastDevRun: true, imageSize: 8 })
  // A run that has not come to its first checkpoint yet.
  for (const name of readdirSync(folder)) {
    if (!/^(best|last)\.|\.onnx|\.html/.test(name)) cpSync(join(folder, name), at("fresh", name))
  }
  for (const name of ["cut", "lying", "other"]) cpSync(folder, at(name), { recursive: true })
  truncateSync(at("cut", "best.safetensors"), 100_000)
  writeFileSync(at("lying", "best.safetensors"), Buffer.from([255, 255, 255, 255, 255, 255, 255, 127, 123, 125]))
  await saveSafetensors(at("other", "best.safetensors"), await loadTensors(join(folder, "best.safetensors")))
  rmSync(join(folder, "model.onnx"))
}, 30_000)

const layout = /Expected one subfolder of images for each class, or train\/ and val\/ with such subfolders/

describe.each<[string, [args: string, code: 1 | 2, message: string | RegExp][]]>([
  [
    "data",
    [
      ["train nowhere", 1, /^cannot open the data nowhere: there is no such folder\. Expected/],
      ["train empty", 1, /^there are no images \(\.jpg .*\) below empty\. Expected/],
      ["train file.txt", 1, /^cannot open the data file\.txt: it is a file\. Expected/],
      ["train loose", 1, /^loose holds images \(1\) but no folders of classes\. Expected/],
      ["train one~class", 1, /^one class has one class only, "red"; a classifier needs two or more\./],
      ["eval run nowhere", 1, layout],
      ["eval run one~class/red", 1, /^one class\/red holds images \(2\) but no folders of classes\./],
      ["predict run empty", 1, /^there are no images in empty; known are \.jpg/],
      ["predict run *.jpg", 1, "no file matches *.jpg"],
    ],
  ],
  [
    "names",
    [
      ["trian colours", 2, "unknown command trian, did you mean train?"],
      ["--verison", 2, "unknown option --verison, did you mean --version?"],
      ["train colours --batchsize 4", 2, "unknown option --batchsize, did you mean --batch-size?"],
      ["train colours --model convnext_tinny", 2, /^there is no model convnext_tinny, did you mean convnext_tiny/],
      ["models resnext", 2, "no model matches resnext, did you mean resnet18?"],
      [
        "predict convnext_mini file.txt",
        2,
        /^convnext_mini has no published weights: give the folder of a run instead/,
      ],
      ["predict nowhere file.txt", 2, "there is no run folder and no model named nowhere; see convnext models"],
      ["train colours again", 2, 'unexpected argument "again"; the usage is: convnext train [DATA]'],
      [
        "predict run file.txt --weights a.safetensors",
        2,
        "--weights goes with the name of a model: run has weights of its own",
      ],
      [
        "eval run/best.safetensors colours --checkpoint last",
        2,
        "--checkpoint goes with the folder of a run: run/best.safetensors is a checkpoint itself",
      ],
      [
        "export convnext_tiny --weights a.safetensors --checkpoint last",
        2,
        "--checkpoint goes with the folder of a run: convnext_tiny is the name of a model",
      ],
      [
        "predict convnext_tiny.fb_in1 file.txt",
        2,
        /^there are no weights "convnext_tiny\.fb_in1" for convnext_tiny, did you mean convnext_tiny\.fb_in1k\?/,
      ],
      ["predict run", 2, /^FILE is missing: images, folders of images, or quoted patterns/],
      ["train colours --out", 2, "--out needs a value: FOLDER"],
      [
        "train colours --name ../outside",
        2,
        '"../outside" is no name for a run: it must be one folder\'s name. --out takes a path',
      ],
    ],
  ],
  [
    "values",
    [
      ["train colours --epochs 0", 2, "--epochs must be a whole number of at least 1, got 0"],
      ["train colours --epochs 1.5", 2, "--epochs must be a whole number of at least 1, got 1.5"],
      ["train colours --lr -1", 2, "--lr must be a number above 0, got -1"],
      ["train colours --lr fast", 2, '--lr must be a number above 0, got "fast"'],
      ["train colours --optimizer adam", 2, '--optimizer must be one of adamw, sgd, got "adam", did you mean adamw?'],
      ["train colours --ema 1", 2, "--ema must be a number of at least 0 and below 1, got 1"],
      ["train colours --image-size 7", 2, "--image-size must be a whole number from 8 to 4096, got 7"],
      [
        "train colours --device tpu",
        2,
        '--device must be one of auto, cpu, webgpu, cuda, coreml, dml, wasm, got "tpu"',
      ],
      ["predict run colours --top-k 0", 2, "--top-k must be a whole number of at least 1, got 0"],
      ["train colours --model convnext_tiny --image-size 16", 2, /^inputSize of convnext_tiny .* 32, got 16/],
    ],
  ],
  [
    "config files",
    [
      ["train colours --config nowhere.yaml", 1, "there is no file or folder nowhere.yaml"],
      ["train colours --config unknown.yaml", 2, "unknown option batch_sise in unknown.yaml, did you mean batch-size?"],
      ["train colours --config wrong.yaml", 2, 'epochs in wrong.yaml must be a whole number of at least 1, got "many"'],
      ["train colours --config broken.yaml", 1, /^broken\.yaml is not YAML: .* at line 2/],
      ["train colours --config list.yaml", 1, 'list.yaml must hold options, one "name: value" a line'],
      ["train colours --config empty", 1, "empty is a folder, not a YAML file"],
    ],
  ],
  [
    "runs",
    [
      ["predict colours file.txt", 1, /^colours is no run: it has no config\.yaml\./],
      ["eval nowhere/run colours", 1, "there is no run folder nowhere/run; `convnext train` makes one"],
      [
        "predict fresh file.txt",
        1,
        /^there is no fresh\/best\.safetensors: a run has checkpoints once its first epoch/,
      ],
      ["eval fresh colours", 1, /^there is no fresh\/best\.safetensors/],
      ["export fresh", 1, /^there is no fresh\/best\.safetensors/],
      ["predict cut file.txt", 1, /^cannot read cut\/best\.safetensors: the file is cut short: .* the file at 100000$/],
      ["eval lying colours", 1, /^cannot read lying\/best\.safetensors: not a safetensors file/],
      ["export other --out other.onnx", 1, /^other\/best\.safetensors does not say what model it belongs to/],
      ["train colours --weights file.txt", 1, /^cannot read file\.txt: not a checkpoint in a known format/],
      ["train colours --weights nowhere.safetensors", 1, "cannot read nowhere.safetensors: no such file"],
      ["export run --out nowhere/model.onnx", 1, /^cannot write nowhere\/model\.onnx: its folder does not exist/],
      ["train colours --out file.txt", 1, /^cannot make the folder file\.txt: there is a file of that name/],
      ["train colours --out file.txt/run", 1, /^cannot make the folder file\.txt\/run: there is a file /],
    ],
  ],
])("wrong %s:", (_, cases) => {
  test.concurrent.each(cases)("convnext %s", async (words, code, message) => {
    const before = readdirSync(cwd)
    const args = words.split(" ").map((word) => word.replace("~", " "))
    const outcome = await convnext(args, { cwd })
    const [line, ...more] = outcome.stderr.trimEnd().split("\n")
    expect(more).toEqual([])
    expect(line!.slice(0, 10)).toBe("convnext: ")
    if (typeof message === "string") expect(line!.slice(10)).toBe(message)
    else expect(line!.slice(10)).toMatch(message)
    expect(outcome).toMatchObject({ code, stdout: "" })
    expect(readdirSync(cwd)).toEqual(before)
  })
})

test("--debug adds where in the program the error arose", async () => {
  const { code, stderr } = await convnext(["train", "nowhere", "--debug"], { cwd })
  expect(code).toBe(1)
  expect(stderr).toMatch(/^convnext: cannot open the data nowhere: .*\nInputError: .*\n {4}at .*\.js:\d+/)
})

test("weights of another model are listed, with the model that they are of", async () => {
  const options = ["--weights", at("run", "best.safetensors"), "--model", "convnext_atto", "--image-size", "32"]
  const { code, stderr } = await convnext(["train", "colours", ...options, "--out", at("misfit")], { cwd })
  expect(code).toBe(1)
  expect(stderr).toMatch(/^convnext: cannot load .*best\.safetensors into convnext_atto: .*convnext_mini/m)
  expect(readdirSync(cwd)).not.toContain("misfit")
})

test("weights for as many other classes give their body, not their classifier", async () => {
  await writeColourFolder(at("fruit"), { "more red": 6, "more green": 6, "more blue": 6 })
  const options = ["--epochs", "1", "--limit-batches", "1", "--image-size", "32", "--out", at("fruit-run")]
  const weights = at("run", "best.safetensors")
  const { code, stderr } = await convnext(["train", "fruit", "--weights", weights, ...options], { cwd })
  expect({ code, stderr }).toMatchObject({ code: 0 })
  expect(stderr).toContain("the checkpoint's classifier knows other classes")
})

describe("a loss that is no number", () => {
  const lastLine = (stderr: string) => stderr.trimEnd().split("\n").at(-1)

  test("stops the run at once, and says in which tensor it began", async () => {
    const options = ["--lr", "1e30", "--clip-grad", "0", ...quickTraining, "--out", at("nan")]
    const { code, stderr } = await convnext(["train", "colours", ...options], { cwd })
    expect(code).toBe(1)
    expect(lastLine(stderr)).toMatch(
      /^convnext: the loss is NaN at step 1; the first value that is not finite is in the output of \w+ in (stem|stages)\.[\w.]+\. Lower the learning rate \(--lr\), /,
    )
    expect(readdirSync(at("nan"))).not.toContain("best.safetensors")
  })

  test("keeps the last good checkpoint", async () => {
    // Weight decay turns a weight w into w (1 - 400 * 0.05): the sign changes and the size grows 19-fold in a step.
    const growth = ["--lr", "400", "--min-lr", "400", "--warmup-epochs", "0", "--clip-grad", "0", "--ema", "0"]
    const options = [...growth, ...quickTraining, "--epochs", "30", "--out", at("grown")]
    const { code, stderr } = await convnext(["train", "colours", ...options], { cwd })
    expect(code).toBe(1)
    expect(lastLine(stderr)).toContain(`the last good weights are in ${at("grown", "last.safetensors")}`)
    const { weights } = await loadRun(at("grown"), { checkpoint: "last" })
    for (const { data } of Object.values(weights)) expect((data as Float32Array).every(Number.isFinite)).toBe(true)
  })
})

test.skipIf(process.platform === "win32")("a reader that has seen enough is no error", async () => {
  const program = fileURLToPath(new URL("../../bin/convnext.js", import.meta.url))
  const pipeline = async (line: string) => {
    const shell = spawn("bash", ["-c", `set -o pipefail; ${line}`], { cwd, stdio: ["ignore", "pipe", "pipe"] })
    let stdout = ""
    let stderr = ""
    shell.stdout.on("data", (text) => {
      stdout += text
    })
    shell.stderr.on("data", (text) => {
      stderr += text
    })
    const [code] = await once(shell, "close")
    return { code, stdout, stderr }
  }
  const run = `"${process.execPath}" "${program}"`
  expect(await pipeline(`${run} models --json | head -1`)).toEqual({ code: 0, stdout: "[\n", stderr: "" })

  // A training goes on although nobody reads its progress.
  const training = `${run} train colours ${quickTraining.join(" ")} --out unread 2> >(head -c 1 > first.txt)`
  expect(await pipeline(training)).toMatchObject({ code: 0, stderr: "" })
  expect(readdirSync(at("unread"))).toContain("report.html")
})

describe.skipIf(!canMount())("a disk", () => {
  const disk = at("disk")

  test("that fills up during training ends the run, and what was saved before is whole", async () => {
    await onDisk(disk, "size=20m", async () => {
      const run = join(disk, "run")
      const args = ["train", ...quickTraining, "--limit-batches", "2", "--epochs", "3", "--out"]
      // With it there is room for a state of 6.6 MB and what is beside it, not for a second state.
      writeFileSync(join(disk, "ballast"), Buffer.alloc(9 * 2 ** 20))
      const full = await convnext([...args, run])
      expect(full.code).toBe(1)
      expect(full.stderr.trimEnd().split("\n").at(-1)).toMatch(
        /^convnext: cannot write .*\.safetensors: the disk is full; what was there before is untouched$/,
      )
      expect(readdirSync(run).filter((name) => name.endsWith(".tmp"))).toEqual([])

      rmSync(join(disk, "ballast"))
      const { code, stderr } = await convnext(["train", "--resume", run])
      expect(code, stderr).toBe(0)
      const whole = at("whole")
      await convnext([...args, whole])
      for (const name of ["best.safetensors", "last.safetensors"]) {
        expect(readFileSync(join(run, name)).equals(readFileSync(join(whole, name)))).toBe(true)
      }
    })
  })

  test("that has no room for a run from the start is told so, and nothing is left on it", async () => {
    await onDisk(disk, "size=4m", async () => {
      const { code, stderr } = await convnext(["train", ...quickTraining, "--out", join(disk, "run")])
      expect(code).toBe(1)
      expect(stderr).toMatch(/^convnext: cannot write .*state-1-0\.safetensors: the disk is full; .*\n$/)
      expect(readdirSync(disk)).toEqual([])
    })
  })

  test("that is read-only is told so", async () => {
    await onDisk(disk, "size=4m,ro", async () => {
      const out = await convnext(["train", ...quickTraining, "--out", join(disk, "run")])
      const place = `cannot make the folder ${disk}/run`
      expect(out).toMatchObject({ code: 1, stderr: `convnext: ${place}: the disk is read-only\n` })
      const byName = await convnext(["train", ...quickTraining], { cwd: disk })
      expect(byName.code).toBe(1)
      expect(byName.stderr).toMatch(
        /^convnext: cannot make the folder runs\/fashion-mnist-convnext_mini: .*read-only.*\n$/,
      )
    })
  })
})

/** Mounts a disk in memory for as long as `use` takes. */
async function onDisk(folder: string, options: string, use: () => Promise<void>): Promise<void> {
  mkdirSync(folder, { recursive: true })
  execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder])
  try {
    await use()
  } finally {
    execFileSync("umount", [folder])
  }
}

/** Whether this process may mount a disk of its own. */
function canMount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false
  mkdirSync(at("probe"))
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4k", "tmpfs", at("probe")], { stdio: "ignore" })
    execFileSync("umount", [at("probe")])
    return true
  } catch {
    return false
  } finally {
    rmSync(at("probe"), { recursive: true })
  }
}
