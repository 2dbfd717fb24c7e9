/**
 * Builds dist/ as tsdown.config.ts says. tsdown's own command greets Node 20 with a warning at each call; this one speaks
 * only if the build fails.
 */

import { build } from "tsdown"

await build({ logLevel: "error" })
