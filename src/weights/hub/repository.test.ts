import { expect, test } from "vitest"
import { UsageError } from "../../tensor/errors.ts"
import { isCommit, parseRepository, repositoryLabel } from "./repository.ts"

test.each([
  ["timm/convnext_tiny.fb_in1k", { name: "timm/convnext_tiny.fb_in1k", revision: "main" }],
  ["timm/convnext_tiny.fb_in1k@refs/pr/1", { name: "timm/convnext_tiny.fb_in1k", revision: "refs/pr/1" }],
  ["gpt2@v1.0", { name: "gpt2", revision: "v1.0" }],
])("%s is a repository, and is written so again", (text, repository) => {
  expect(parseRepository(text)).toEqual(repository)
  expect(repositoryLabel(repository)).toBe(text)
})

test.each([
  "",
  "a/b/c",
  "../secret",
  "a/..",
  "a/b..c",
  "-a/b",
  "a/b--c",
  "a b/c",
  "a/b@",
  "a/b@../main",
  "a/b@c@d",
  "a/b?c=d",
])("%j is no repository", (text) => {
  expect(() => parseRepository(text)).toThrow(UsageError)
})

test("a commit is 40 hexadecimal digits", () => {
  expect(isCommit("0123456789abcdef0123456789abcdef01234567")).toBe(true)
  expect(isCommit("main")).toBe(false)
  expect(isCommit("0123456")).toBe(false)
})
