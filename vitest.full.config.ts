import { defineConfig } from "vitest/config"
import base from "./vitest.config.ts"

/** All tests, also the long ones and those that need other programs: `npm run test:full`. */
export default defineConfig({ ...base, test: { ...base.test, exclude: ["**/node_modules/**"] } })
