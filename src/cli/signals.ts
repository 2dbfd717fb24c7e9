/** Ctrl-C and `kill`: once to stop in good order, twice to stop at once. */

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const

type StopSignal = keyof typeof exitCodes

export interface StopRequest {
  /** Aborts at the first signal. */
  signal: AbortSignal
  /** Exit code for the signal that came, the shell's 128 + its number; undefined if none came. */
  exitCode(): number | undefined
  /** Gives the signals back to Node. */
  release(): void
}

/**
 * Turns the first SIGINT or SIGTERM into an abort, and the second into an immediate exit.
 * @param onFirst tells the person what happens now.
 * @param onSecond puts the terminal in order before the exit.
 */
export function listenForStop(onFirst: () => void, onSecond: () => void): StopRequest {
  const controller = new AbortController()
  let exitCode: number | undefined
  const handle = (signal: NodeJS.Signals) => {
    const code = exitCodes[signal as StopSignal]
    if (exitCode !== undefined) {
      onSecond()
      process.exit(code)
    }
    exitCode = code
    onFirst()
    controller.abort()
  }
  const signals = Object.keys(exitCodes) as StopSignal[]
  for (const signal of signals) process.on(signal, handle)
  return {
    signal: controller.signal,
    exitCode: () => exitCode,
    release: () => {
      for (const signal of signals) process.off(signal, handle)
    },
  }
}
