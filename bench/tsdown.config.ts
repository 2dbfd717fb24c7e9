import { defineConfig } from "tsdown"

export default defineConfig({
  entry: ["*.ts", "!tsdown.config.ts"],
  outDir: "dist",
  unbundle: true,
  deps: { neverBundle: ["convnext"] }, // what is measured is the built library itself
  format: "esm",
  platform: "node",
  target: "node20",
  fixedExtension: false,
  dts: false,
  clean: true,
  logLevel: "warn",
})
