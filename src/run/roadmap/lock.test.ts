import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { beforeEach, expect, test } from "vitest"
import { sharedFolder } from "../../../test/support/images.ts"
import { InputError } from "../../tensor/errors.ts"
import { type StudyPaths, studyPaths } from "./folder.ts"
import { lockStudy } from "./lock.ts"

const root = sharedFolder()
let count = 0
let paths: StudyPaths

beforeEach(() => {
  paths = studyPaths(join(root, `${count++}`, "study"))
})

/** Makes a lock as another process left it. */
function leave(content: object | string): void {
  mkdirSync(paths.folder, { recursive: true })
  writeFileSync(paths.lock, typeof content === "string" ? content : JSON.stringify(content))
}

async function deadProcess(): Promise<number> {
  const child = spawn(process.execPath, ["-e", ""])
  await once(child, "close")
  return child.pid!
}

test("a lock is held once, and let go of with the folder that was made for it, if nothing is in it", async () => {
  const unlock = await lockStudy(paths)
  expect(JSON.parse(readFileSync(paths.lock, "utf8"))).toMatchObject({ pid: process.pid, host: hostname() })
  await expect(lockStudy(paths)).rejects.toThrow(InputError)
  await expect(lockStudy(paths)).rejects.toThrow(
    `this process works on the study in ${paths.folder} already: wait until that call ends`,
  )
  await unlock()
  expect(existsSync(join(paths.folder, ".."))).toBe(false)
  const again = await lockStudy(paths)
  writeFileSync(paths.study, "{}")
  await again()
  expect(readdirSync(paths.folder)).toEqual(["study.json"])
})

test("the lock of a process that is gone is taken over, by one of two that find it", async () => {
  const pid = await deadProcess()
  for (let round = 0; round < 10; round++) {
    leave({ pid, host: hostname() })
    const taken = await Promise.allSettled([lockStudy(paths), lockStudy(paths)])
    const held = taken.flatMap((result) => (result.status === "fulfilled" ? result.value : []))
    expect(held).toHaveLength(1)
    await held[0]!()
    expect(readdirSync(paths.folder)).toEqual([])
  }
})

test("a lock without content, of a process that was killed at that moment, is taken over", async () => {
  leave("")
  const unlock = await lockStudy(paths)
  await unlock()
  expect(readdirSync(paths.folder)).toEqual([])
})

test("a process that is there, and any of another host, is named, with the file to remove if it is no study", async () => {
  leave({ pid: process.ppid, host: hostname() })
  await expect(lockStudy(paths)).rejects.toThrow(
    `process ${process.ppid} on this machine (${hostname()}) works on the study in ${paths.folder}: wait until it ends, or stop it; if it is no study, remove ${paths.lock}`,
  )
  leave({ pid: await deadProcess(), host: "elsewhere" })
  await expect(lockStudy(paths)).rejects.toThrow(
    /^process \d+ on elsewhere works on .*if it is gone, remove .*study.lock/,
  )
})

test.runIf(process.platform === "linux")(
  "a process that has the number of one that is gone holds nothing",
  async () => {
    leave({ pid: process.pid, host: hostname(), started: "1" })
    const unlock = await lockStudy(paths)
    await unlock()
  },
)
