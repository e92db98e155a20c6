/** The exit codes of the process, the same for every command. */
export const exitCodes = {
  ok: 0,
  /** The execution failed: the provider, the network, a limit. */
  failed: 1,
  /** An option, the environment or the input is wrong; nothing was sent. */
  usage: 2,
  /** Ctrl-C stopped something. */
  interrupted: 130,
} as const;

/** One of the exit codes. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
