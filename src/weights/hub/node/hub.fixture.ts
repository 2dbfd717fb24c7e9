/** A hub on this machine for tests: the same paths, headers and redirects as huggingface.co, and faults on demand. */

import { createHash } from "node:crypto"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export const commit = "0123456789abcdef0123456789abcdef01234567"

/** What is wrong with the storage, for files that are not small. */
export interface Faults {
  /** Closes the connection after so many bytes of each of the next answers. */
  cuts?: number[]
  /** Flips the first bit of what is sent. */
  corrupt?: boolean
  /** Sends all, whatever is asked for. */
  ignoreRange?: boolean
  /** Waits so long before each 64 KiB, in milliseconds. */
  slow?: number
  /** Knows no HEAD. */
  noHead?: boolean
  /** Status of the next answers of the hub itself. */
  statuses?: number[]
}

export interface FakeRepository {
  files: Record<string, Uint8Array>
  /** Other names for its one commit, beside main. */
  revisions?: string[]
  /** Who may read it. */
  token?: string
  /** It is gated, which the hub says in its own way. */
  gated?: boolean
}

/** A request as it came. */
export interface SeenRequest {
  server: "hub" | "storage"
  method: string
  path: string
  range: string | undefined
  authorization: string | undefined
}

export interface FakeHub {
  endpoint: string
  repositories: Record<string, FakeRepository>
  faults: Faults
  seen: SeenRequest[]
  close(): Promise<void>
}

/** Files of at least so many bytes lie in the storage, as large files do on the hub. */
const largeFile = 1000

export async function startHub(repositories: Record<string, FakeRepository>): Promise<FakeHub> {
  const hub: FakeHub = { endpoint: "", repositories, faults: {}, seen: [], close: async () => {} }
  const storage = await listen((request, response) => answerStorage(hub, request, response))
  const server = await listen((request, response) => answerHub(hub, addressOf(storage), request, response))
  hub.endpoint = addressOf(server)
  hub.close = async () => {
    for (const each of [server, storage]) {
      each.closeAllConnections()
      await new Promise((resolve) => each.close(resolve))
    }
  }
  return hub
}

function listen(handler: (request: IncomingMessage, response: ServerResponse) => unknown): Promise<Server> {
  const server = createServer((request, response) => void handler(request, response))
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)))
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function note(hub: FakeHub, server: SeenRequest["server"], { method, url, headers }: IncomingMessage): void {
  const { range, authorization } = headers
  hub.seen.push({ server, method: method ?? "", path: url ?? "", range, authorization })
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** Object id of a small file, as git computes it. */
export const gitId = (bytes: Uint8Array): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex")

function answerHub(hub: FakeHub, storage: string, request: IncomingMessage, response: ServerResponse): void {
  note(hub, "hub", request)
  const status = hub.faults.noHead && request.method === "HEAD" ? 404 : hub.faults.statuses?.shift()
  if (status !== undefined) refuse(response, status)
  else answerFile(hub, storage, request, response)
}

function answerFile(hub: FakeHub, storage: string, request: IncomingMessage, response: ServerResponse): void {
  const match = /^\/(.+?)\/resolve\/([^/]+)\/(.+)$/.exec(request.url!)
  const [name, revision, path] = match!.slice(1).map(decodeURIComponent) as [string, string, string]
  const repository = hub.repositories[name]
  const bytes = repository?.files[path]
  const mayRead = repository?.token === undefined || request.headers.authorization === `Bearer ${repository.token}`
  if (!repository || !mayRead) {
    // A private repository is told like one that is not there, a gated one is not.
    refuse(response, 401, repository?.gated ? "GatedRepo" : "RepoNotFound")
    return
  }
  if (!["main", commit, ...(repository.revisions ?? [])].includes(revision)) {
    refuse(response, 404, "RevisionNotFound")
    return
  }
  if (!bytes) {
    refuse(response, 404, "EntryNotFound")
    return
  }
  response.setHeader("x-repo-commit", commit)
  if (bytes.length < largeFile) {
    response.writeHead(200, { etag: `"${gitId(bytes)}"`, "content-length": bytes.length }).end(bytes)
    return
  }
  const oid = sha256(bytes)
  const headers = { "x-linked-etag": `"${oid}"`, "x-linked-size": bytes.length, location: `${storage}/${name}/${path}` }
  response.writeHead(302, headers).end("Found. Redirecting")
}

function refuse(response: ServerResponse, status: number, code?: string): void {
  if (code !== undefined) response.setHeader("x-error-code", code)
  response.writeHead(status).end()
}

async function answerStorage(hub: FakeHub, request: IncomingMessage, response: ServerResponse): Promise<void> {
  note(hub, "storage", request)
  const [, name, path] = /^\/([^/]+\/[^/]+)\/(.+)$/.exec(request.url!)!
  const { cuts, corrupt, ignoreRange, slow } = hub.faults
  const bytes = Uint8Array.from(hub.repositories[name!]!.files[path!]!)
  if (corrupt) bytes[0]! ^= 1
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")
  const start = range && !ignoreRange ? Number(range[1]) : 0
  const headers = { "content-length": bytes.length - start, etag: '"of-the-storage"' }
  if (range && !ignoreRange) {
    response.writeHead(206, { ...headers, "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` })
  } else response.writeHead(200, headers)
  const cut = cuts?.shift()
  if (cut !== undefined) {
    response.write(bytes.subarray(start, start + cut), () => setTimeout(() => response.destroy(), 20))
    return
  }
  for (let at = start; slow !== undefined && at < bytes.length; at += 65536) {
    response.write(bytes.subarray(at, at + 65536))
    await new Promise((resolve) => setTimeout(resolve, slow))
  }
  if (slow === undefined) response.write(bytes.subarray(start))
  response.end()
}

/** Bytes that are like no others. */
export function randomBytes(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size)
  let state = seed
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}
