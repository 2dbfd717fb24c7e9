/** `convnext/nn` in Node: `compile` finds the devices of Node. In a browser `convnext/web` brings those of the browser. */

import { registerBackends } from "../../runtime/backend.ts"
import { createNodeBackend } from "../../runtime/node/ort.ts"

registerBackends(createNodeBackend)

export * from "../index.ts"
