/** What the person reads when a command fails, and its exit code. */

import { UsageError } from "../tensor/errors.ts"

/** Codes of the operating system that people meet, and what to do about them. */
const systemErrors: Record<string, (where: string) => string> = {
  ENOSPC: (where) => `no space is left on the disk${where && ` for ${where}`}; free some and run the command again`,
  EDQUOT: (where) => `the disk quota is used up${where && ` for ${where}`}; free some space and run the command again`,
  EACCES: (where) => `no permission to use ${where || "a file"}; change its permissions or choose another place`,
  EPERM: (where) => `no permission to use ${where || "a file"}; change its permissions or choose another place`,
  EROFS: (where) => `${where || "a file"} is on a read-only disk; choose another place`,
  ENOENT: (where) => `there is no file or folder ${where}`,
  EISDIR: (where) => `${where} is a folder where a file is needed`,
  ENOTDIR: (where) => `${where} is a file where a folder is needed`,
  EMFILE: () => "too many files are open; raise the limit with `ulimit -n 4096`",
}

/** Exit code 2 for a wrong call, 1 for all else; a message of one line. */
export function describeFailure(error: unknown): { exitCode: 1 | 2; message: string } {
  return { exitCode: error instanceof UsageError ? 2 : 1, message: messageOf(error).replace(/\s*\n\s*/g, " ") }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code, path, message } = error as NodeJS.ErrnoException
  const explain = code === undefined ? undefined : systemErrors[code]
  return explain ? explain(path ?? "") : message || error.name
}
