/** Requests to the hub: redirects are followed here, so that each answer on the way is seen and no other host gets the token. */

import { type HubFile, noAnswer } from "./failure.ts"
import type { HubSettings } from "./settings.ts"

/** Enough for a renamed repository and a mirror in front of the storage. */
const maxRedirects = 8

/** What a request may say. */
export interface HubRequest {
  method?: "GET" | "HEAD"
  headers?: Readonly<Record<string, string>>
  signal?: AbortSignal
}

/**
 * Sends a request and follows where it is sent. Yields every answer; the last one is no redirect. Bodies of the others
 * are discarded.
 * Throws a HubError if there is no answer, or no end to the redirects.
 */
export async function* follow(
  file: HubFile,
  address: string,
  { method = "GET", headers, signal }: HubRequest,
  settings: HubSettings,
): AsyncGenerator<Response, void> {
  let url = new URL(address)
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const response = await fetch(url, {
      method,
      // Sizes are those of the files, not of what a server makes of them on the way.
      headers: { "accept-encoding": "identity", ...headers, ...authorization(url, settings) },
      redirect: "manual",
      signal,
    }).catch((cause) => {
      throw noAnswer(file, settings, cause)
    })
    yield response
    const location = response.headers.get("location")
    if (!isRedirect(response) || location === null) return
    await response.body?.cancel()
    if (!URL.canParse(location, url)) throw noAnswer(file, settings, new Error(`a redirect to ${location}`))
    url = new URL(location, url)
  }
  throw noAnswer(file, settings, new Error("too many redirects"))
}

/** The answer at the end of all redirects. Throws as {@link follow} does. */
export async function send(
  file: HubFile,
  address: string,
  request: HubRequest,
  settings: HubSettings,
): Promise<Response> {
  let last: Response | undefined
  for await (const response of follow(file, address, request, settings)) last = response
  return last!
}

export function isRedirect({ status }: Response): boolean {
  return status >= 300 && status < 400 && status !== 304
}

function authorization(url: URL, { endpoint, token }: HubSettings): Record<string, string> {
  return token !== undefined && url.origin === new URL(endpoint).origin ? { authorization: `Bearer ${token}` } : {}
}
