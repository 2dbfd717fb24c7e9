/** What the environment says about the hub, by the names and defaults of Python's huggingface_hub. */

import { readFile } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { getHFHubCachePath } from "@huggingface/hub"
import { UsageError } from "../../../tensor/errors.ts"

export interface HubSettings {
  /** Address of the hub, without a slash at its end: HF_ENDPOINT. */
  endpoint: string
  /** For private and gated repositories: HF_TOKEN, or what `hf auth login` saved. */
  token: string | undefined
  /** Use the cache alone: HF_HUB_OFFLINE. */
  offline: boolean
  /** HF_HUB_CACHE, or `hub` in HF_HOME, or ~/.cache/huggingface/hub. */
  cacheFolder: string
}

/** Reads the environment. Throws a UsageError if HF_ENDPOINT is not a web address. */
export async function hubSettings(): Promise<HubSettings> {
  const { HF_ENDPOINT, HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE } = process.env
  const endpoint = (HF_ENDPOINT || "https://huggingface.co").replace(/\/+$/, "")
  if (!/^https?:\/\/[^/]/.test(endpoint)) {
    throw new UsageError(`HF_ENDPOINT must be an address like https://huggingface.co, got ${HF_ENDPOINT}`)
  }
  return {
    endpoint,
    token: await readToken(),
    offline: /^(1|on|yes|true)$/i.test(HF_HUB_OFFLINE || TRANSFORMERS_OFFLINE || ""),
    cacheFolder: getHFHubCachePath(),
  }
}

async function readToken(): Promise<string | undefined> {
  const { HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH, HF_HOME, XDG_CACHE_HOME } = process.env
  const given = (HF_TOKEN || HUGGING_FACE_HUB_TOKEN)?.trim()
  if (given) return given
  const home = HF_HOME || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "huggingface")
  const saved = await readFile(HF_TOKEN_PATH || join(home, "token"), "utf8").catch(() => "")
  return saved.trim() || undefined
}
