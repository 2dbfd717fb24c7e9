import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { InputError, UsageError } from "../tensor/errors.ts"
import { describeFailure } from "./failure.ts"

test("a wrong call is 2, everything else 1, and messages are one line", () => {
  expect(describeFailure(new UsageError("unknown model"))).toEqual({ exitCode: 2, message: "unknown model" })
  expect(describeFailure(new InputError("cannot read\n  a.jpg"))).toEqual({ exitCode: 1, message: "cannot read a.jpg" })
  expect(describeFailure(new TypeError(""))).toEqual({ exitCode: 1, message: "TypeError" })
  expect(describeFailure("text")).toEqual({ exitCode: 1, message: "text" })
})

test("errors of the operating system say what to do", () => {
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" })
  expect(describeFailure(full).message).toBe("no space is left on the disk; free some and run the command again")
  const denied = Object.assign(new Error("EACCES: permission denied"), { code: "EACCES", path: "runs/a" })
  expect(describeFailure(denied).message).toBe(
    "no permission to use runs/a; change its permissions or choose another place",
  )
  try {
    readFileSync("no-such-file.yaml")
    expect.unreachable()
  } catch (error) {
    expect(describeFailure(error)).toEqual({ exitCode: 1, message: "there is no file or folder no-such-file.yaml" })
  }
})
