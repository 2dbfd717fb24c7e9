import { defineConfig } from "tsdown"

export default defineConfig({
  entry: ["bench/*.ts", "!bench/tsdown.config.ts"],
  outDir: "bench/dist",
  unbundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  fixedExtension: false,
  dts: false,
  clean: true,
  logLevel: "warn",
})
