import { execFileSync } from "node:child_process"
import { expect, test } from "vitest"
import { shellCommand } from "./shell.ts"

test.skipIf(process.platform === "win32")("a shell reads the words back as they were", () => {
  const words = ["runs/pets", "my photos/a b.jpg", "it's", "$HOME", 'say "hi"', "*", "", "--lr=1e-3"]
  const output = execFileSync("sh", ["-c", shellCommand("printf", "%s\\n", ...words)], { encoding: "utf8" })
  expect(output).toBe(words.map((word) => `${word}\n`).join(""))
  expect(shellCommand("convnext", "export", "runs/pets-2")).toBe("convnext export runs/pets-2")
})
