import { execFile, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { InputError } from "../../../tensor/errors.ts"
import { commit, type FakeHub, gitId, randomBytes, sha256, startHub } from "./hub.fixture.ts"
import { hubFile } from "./hub-file.ts"

const name = "someone/a.model"
const weights = randomBytes(300_000)
const config = new TextEncoder().encode(`{"architecture": "convnext_tiny"}`)
const oid = sha256(weights)

let hub: FakeHub
let home: string
let folder: string

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "convnext-hub-"))
  folder = join(home, "hub", "models--someone--a.model")
  hub = await startHub({ [name]: { files: { "model.safetensors": weights, "config.json": config } } })
  for (const variable of ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"]) {
    vi.stubEnv(variable, undefined)
  }
  vi.stubEnv("HF_HUB_OFFLINE", undefined)
  vi.stubEnv("TRANSFORMERS_OFFLINE", undefined)
  vi.stubEnv("HF_HOME", home)
  vi.stubEnv("HF_ENDPOINT", `${hub.endpoint}/`)
})

afterEach(async () => {
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
  await hub.close()
  await rm(home, { recursive: true })
})

const fetchFile = (path = "model.safetensors", revision = "main", onProgress?: Parameters<typeof hubFile>[1]) =>
  hubFile({ repository: { name, revision }, path }, onProgress)

const hashOf = async (path: string) => sha256(await readFile(path))
const blobs = async () => (await readdir(join(folder, "blobs")).catch(() => [])).sort()
const ranges = () => hub.seen.filter(({ server }) => server === "storage").map(({ range }) => range)

test("a file lands in the cache of huggingface_hub: blob by its hash, link in the snapshot, commit in refs", async () => {
  const path = await fetchFile()
  expect(path).toBe(join(folder, "snapshots", commit, "model.safetensors"))
  expect(await hashOf(path)).toBe(oid)
  expect(await readlink(path)).toBe(join("..", "..", "blobs", oid))
  expect(await blobs()).toEqual([oid])
  expect(await readFile(join(folder, "refs", "main"), "utf8")).toBe(commit)

  const small = await fetchFile("config.json")
  expect(new Uint8Array(await readFile(small))).toEqual(config)
  expect(await realpath(small)).toBe(await realpath(join(folder, "blobs", gitId(config))))
})

test("progress goes from the first bytes to all", async () => {
  const received: number[] = []
  await fetchFile("model.safetensors", "main", (file, done, size) => {
    expect(file.path).toBe("model.safetensors")
    expect(size).toBe(weights.length)
    received.push(done)
  })
  expect(received).toEqual([...received].sort((a, b) => a - b))
  expect(received.at(-1)).toBe(weights.length)
})

test("what is in the cache is asked for, but not downloaded again; a commit is not even asked for", async () => {
  await fetchFile()
  hub.seen.length = 0
  await fetchFile()
  expect(hub.seen.map(({ server, method }) => [server, method])).toEqual([["hub", "HEAD"]])
  hub.seen.length = 0
  await fetchFile("model.safetensors", commit)
  expect(hub.seen).toEqual([])
})

test("a revision that has moved on gives the new file", async () => {
  await fetchFile()
  const newer = randomBytes(200_000, 2)
  hub.repositories[name]!.files["model.safetensors"] = newer
  expect(await hashOf(await fetchFile())).toBe(sha256(newer))
})

test("without a connection, or offline by HF_HUB_OFFLINE, the cached file is taken", async () => {
  const path = await fetchFile()
  vi.stubEnv("HF_HUB_OFFLINE", "1")
  hub.seen.length = 0
  expect(await fetchFile()).toBe(path)
  expect(hub.seen).toEqual([])
  await expect(fetchFile("config.json")).rejects.toThrow(/config.json .* not in the cache .* HF_HUB_OFFLINE is set/)
  vi.stubEnv("HF_HUB_OFFLINE", undefined)
  hub.faults.statuses = [503]
  expect(await fetchFile()).toBe(path)
  await hub.close()
  expect(await fetchFile()).toBe(path)
  await expect(fetchFile("config.json")).rejects.toThrow(
    /there is no answer from http.*ECONNREFUSED.*check the connection/,
  )
})

test("a connection that is cut is taken up again where it broke", async () => {
  hub.faults.cuts = [100_000, 50_000]
  expect(await hashOf(await fetchFile())).toBe(oid)
  expect(ranges()).toEqual([undefined, "bytes=100000-", "bytes=150000-"])
  expect(await blobs()).toEqual([oid])
})

test("a connection that is cut again and again is an error, and the next run goes on from there", async () => {
  hub.faults.cuts = [100_000, 10, 10, 10, 10, 10]
  await expect(fetchFile()).rejects.toThrow(/100050 of 300000 bytes arrived, then .*; run it again to go on from there/)
  expect(await blobs()).toEqual([`${oid}.incomplete`])
  expect(await readdir(folder)).toEqual(["blobs"])
  hub.seen.length = 0
  expect(await hashOf(await fetchFile())).toBe(oid)
  expect(ranges()).toEqual(["bytes=100050-"])
  expect(await blobs()).toEqual([oid])
})

test("a server that ignores the range is read from the beginning", async () => {
  hub.faults = { cuts: [100_000], ignoreRange: true }
  expect(await hashOf(await fetchFile())).toBe(oid)
})

test("a mirror that knows no HEAD is asked for the first byte", async () => {
  hub.faults.noHead = true
  expect(await hashOf(await fetchFile())).toBe(oid)
  expect(await hashOf(await fetchFile("config.json"))).toBe(sha256(config))
  await expect(fetchFile("other.bin")).rejects.toThrow(/no such file/)
})

test("what arrives with another hash is an error, and nothing of it stays", async () => {
  hub.faults.corrupt = true
  await expect(fetchFile()).rejects.toThrow(InputError)
  await expect(fetchFile()).rejects.toThrow(`does not have the hash that ${hub.endpoint} announced (${oid})`)
  expect(await blobs()).toEqual([])
  expect(await readdir(folder)).toEqual(["blobs"])
})

test("a small file is checked against git's hash", async () => {
  await fetchFile("config.json")
  const original = globalThis.fetch
  vi.stubGlobal("fetch", async (...given: Parameters<typeof fetch>) => {
    const response = await original(...given)
    if (given[1]?.method === "HEAD") return response
    return new Response(
      config.map((byte, i) => (i === 0 ? byte ^ 1 : byte)),
      { status: 200 },
    )
  })
  await rm(join(folder, "blobs"), { recursive: true })
  await expect(fetchFile("config.json")).rejects.toThrow(`announced (${gitId(config)})`)
})

test("a partial file that is wrong is thrown away, not believed", async () => {
  await mkdir(join(folder, "blobs"), { recursive: true })
  await writeFile(join(folder, "blobs", `${oid}.incomplete`), randomBytes(1000, 3))
  expect(await hashOf(await fetchFile())).toBe(oid)
  await rm(join(folder, "blobs", oid))
  await writeFile(join(folder, "blobs", `${oid}.incomplete`), randomBytes(400_000, 3))
  expect(await hashOf(await fetchFile())).toBe(oid)
})

test("a blob that is cut short is downloaded again", async () => {
  const path = await fetchFile()
  await truncate(await realpath(path), 1000)
  expect(await hashOf(await fetchFile())).toBe(oid)
})

test("errors of the hub say what is wrong and what to do", async () => {
  await expect(fetchFile("other.bin")).rejects.toThrow(/cannot download other.bin of someone\/a.model: .* no such file/)
  await expect(fetchFile("config.json", "v9")).rejects.toThrow(/of someone\/a.model@v9: there is no revision v9/)
  const other = { name: "someone/else", revision: "main" }
  await expect(hubFile({ repository: other, path: "config.json" })).rejects.toThrow(
    /there is no repository http.*someone\/else, or it is private: set HF_TOKEN to a token .*\(401\)/,
  )
  hub.faults.statuses = [404, 404, 403, 500, 418]
  await expect(fetchFile()).rejects.toThrow(/no such file on .*\(404\)/)
  await expect(fetchFile()).rejects.toThrow(/forbidden.*\(403\)/)
  await expect(fetchFile()).rejects.toThrow(/status 500; try again later/)
  await expect(fetchFile()).rejects.toThrow(/status 418$/)
  expect(await blobs()).toEqual([])
})

test("a gated repository is read with HF_TOKEN, which the storage does not get", async () => {
  hub.repositories[name]!.token = "secret"
  hub.repositories[name]!.gated = true
  await expect(fetchFile()).rejects.toThrow(/access has to be asked for on http.*someone\/a.model; then set HF_TOKEN/)
  vi.stubEnv("HF_TOKEN", "wrong")
  await expect(fetchFile()).rejects.toThrow(/the token in use has no access/)
  vi.stubEnv("HF_TOKEN", "secret")
  hub.seen.length = 0
  await fetchFile()
  const tokens = hub.seen.map(({ server, authorization }) => [server, authorization])
  expect(tokens).toEqual([
    ["hub", "Bearer secret"],
    ["hub", "Bearer secret"],
    ["storage", undefined],
  ])
  vi.stubEnv("HF_TOKEN", undefined)
  await writeFile(join(home, "token"), "secret\n") // what `hf auth login` writes
  await rm(folder, { recursive: true })
  await fetchFile()
})

test.each([
  [
    "a hash that leads out of the cache",
    { "x-linked-etag": '"../../evil"', "x-linked-size": "5" },
    /an ETag that is none/,
  ],
  ["a size that is none", { "x-linked-etag": '"abc"', "x-linked-size": "-1" }, /does not say its size/],
  ["no size", { etag: '"abc"' }, /does not say its size/],
  ["a redirect to nowhere", { location: "http://" }, /there is no answer from .* \(a redirect to http:\/\/\)/],
])("%s is refused", async (_, headers, message) => {
  vi.stubGlobal(
    "fetch",
    async () =>
      new Response(null, { status: "location" in headers ? 302 : 200, headers: headers as Record<string, string> }),
  )
  await expect(fetchFile()).rejects.toThrow(message)
  expect(await readdir(home)).toEqual([])
})

test("a header that promises more than there is takes neither memory nor disk", async () => {
  const promise = { "x-linked-etag": `"${oid}"`, "x-linked-size": String(2 ** 49), "x-repo-commit": commit }
  const answers = [
    new Response(null, { headers: promise }),
    new Response(randomBytes(1000)),
    new Response(null, { status: 410 }),
  ]
  vi.stubGlobal("fetch", async () => answers.shift())
  await expect(fetchFile()).rejects.toThrow(/status 410/)
  expect((await stat(join(folder, "blobs", `${oid}.incomplete`))).size).toBe(1000)
})

const script = `
  import { hubFile } from ${JSON.stringify(fileURLToPath(new URL("../../../../dist/weights/hub/node/hub-file.js", import.meta.url)))}
  console.log(await hubFile({ repository: { name: "${name}", revision: "main" }, path: "model.safetensors" }))
`
const nodeArguments = ["--input-type=module", "-e", script]

test("two processes that download the same file at once both get it", async () => {
  hub.faults.slow = 50
  const runs = [0, 1].map(() => promisify(execFile)(process.execPath, nodeArguments, { env: process.env }))
  for (const { stdout } of await Promise.all(runs)) {
    expect(await hashOf(stdout.trim())).toBe(oid)
  }
  expect(await blobs()).toEqual([oid])
})

test("what a killed process had downloaded is not lost, and not taken for whole", async () => {
  hub.faults.slow = 300
  const child = spawn(process.execPath, nodeArguments, { env: process.env, stdio: "ignore" })
  const partial = async () => {
    for (const blob of await blobs()) return stat(join(folder, "blobs", blob)).catch(() => undefined)
    return undefined
  }
  while (((await partial())?.size ?? 0) < 65536) await sleep(20)
  child.kill("SIGKILL")
  await once(child, "exit")
  const { size } = (await partial())!
  expect(size).toBeLessThan(weights.length)
  expect(await blobs()).not.toContain(oid)
  hub.faults = {}
  hub.seen.length = 0
  expect(await hashOf(await fetchFile())).toBe(oid)
  expect(ranges()).toEqual([`bytes=${size}-`])
  expect(await blobs()).toEqual([oid])
})

/** A file system of 128 KiB, where this process may mount one. */
const mountable = spawnSync("mount", ["--version"]).status === 0 && process.getuid?.() === 0

test.skipIf(!mountable)("a full disk is said, and what fits is kept for later", async ({ skip }) => {
  const small = join(home, "small")
  await mkdir(small)
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=128k", "tmpfs", small])
  if (mounted.status !== 0) return skip("mounting a file system is not allowed here")
  try {
    vi.stubEnv("HF_HUB_CACHE", small)
    await expect(fetchFile()).rejects.toThrow(
      /cannot download model.safetensors .*: the disk is full; make room, or .* HF_HOME/,
    )
    folder = join(small, "models--someone--a.model")
    expect(await blobs()).toEqual([`${oid}.incomplete`])
    // With more room it goes on.
    const roomy = join(home, "roomy", "models--someone--a.model", "blobs")
    await mkdir(roomy, { recursive: true })
    await writeFile(join(roomy, `${oid}.incomplete`), await readFile(join(folder, "blobs", `${oid}.incomplete`)))
    vi.stubEnv("HF_HUB_CACHE", join(home, "roomy"))
    expect(await hashOf(await fetchFile())).toBe(oid)
    expect(ranges().at(-1)).toMatch(/^bytes=\d{5,}-$/)
  } finally {
    spawnSync("umount", [small])
  }
})

test.each(["ENOSPC", "EDQUOT"])("a write that fails for want of room is said: %s", async (code) => {
  const probe = await open(join(home, "probe"), "w")
  const handles = Object.getPrototypeOf(probe) as { write: typeof probe.write }
  await probe.close()
  const write = vi.spyOn(handles, "write").mockRejectedValue(Object.assign(new Error(code), { code }))
  try {
    await expect(fetchFile()).rejects.toThrow(
      /cannot download model.safetensors .*: the disk is full; make room, or choose another folder by HF_HOME/,
    )
    expect(await blobs()).toEqual([])
  } finally {
    write.mockRestore()
  }
  expect(await hashOf(await fetchFile())).toBe(oid)
})

test("a cache that cannot be written is said", async () => {
  await rename(home, `${home}-moved`)
  await writeFile(home, "a file where the folder should be")
  try {
    await expect(fetchFile()).rejects.toThrow(/cannot make a folder of the cache: .*HF_HOME chooses another/)
  } finally {
    await rm(home)
    await rename(`${home}-moved`, home)
  }
})
