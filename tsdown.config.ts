import { defineConfig } from "tsdown"

export default defineConfig({
  entry: ["src/**/*.ts", "!src/**/*.{test,fixture}.ts"],
  unbundle: true, // dist/ mirrors src/: workers are found by path, commands load only what they need
  format: "esm",
  platform: "node",
  target: "node20",
  fixedExtension: false, // .js, as the package is ESM
  dts: true,
  sourcemap: true,
  clean: true,
  logLevel: "warn",
})
