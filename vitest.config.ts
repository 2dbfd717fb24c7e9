import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    // vitest.full.config.ts runs these too.
    exclude: ["**/node_modules/**", "test/full/**"],
    globalSetup: "test/global-setup.ts",
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    // A file for .ci/run to count from, where `npm ci` leaves none of an earlier run.
    reporters: process.env.CI ? ["default", "json"] : ["default"],
    outputFile: { json: "node_modules/.vitest/results.json" },
  },
})
