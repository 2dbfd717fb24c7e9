/**
 * Builds dist/ as tsdown.config.ts says, and then what other configs say that are named: `bench/tsdown.config.ts`.
 * tsdown's own command greets Node 20 with a warning at each call; this one speaks only if the build fails.
 */

import { build } from "tsdown"

await build({ logLevel: "error" })
for (const config of process.argv.slice(2)) await build({ config, logLevel: "error" })
