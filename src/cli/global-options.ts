/** Options that every command has. */

import { z } from "zod"

export const globalOptions = z.object({
  config: z
    .string()
    .min(1)
    .optional()
    .meta({ placeholder: "FILE", description: "YAML file with options under the same names; flags win over it" }),
  json: z.boolean().optional().describe("Print one JSON document on stdout, everything else on stderr"),
  debug: z.boolean().optional().describe("Show where in the program an error arose"),
  help: z.boolean().optional().describe("Show this help"),
})
