import { type BalancerControl, ControlClient, ControlError } from '@higgins/agent';
import { CommandError, ExitCode, type OutputOptions } from '../../output.js';

/** Where `higgins lb run` serves its operator, unless told otherwise. */
export const DEFAULT_SOCKET = '/run/higgins-lb/control.sock';

/** Flags of every command that talks to a running balancer. */
export interface ControlFlags extends OutputOptions {
  readonly socket: string;
}

/** Asks a running balancer; a refusal becomes a CommandError with the exit code for it. */
export async function ask<Answer>(
  { socket }: ControlFlags,
  question: (balancer: BalancerControl) => Promise<Answer>,
): Promise<Answer> {
  try {
    return await question(new ControlClient(socket));
  } catch (cause) {
    if (!(cause instanceof ControlError)) throw cause;
    throw new CommandError(cause.message, exitCodeOf(cause), { cause });
  }
}

function exitCodeOf({ code }: ControlError): ExitCode {
  if (code === 'unavailable') return ExitCode.unreachable;
  return code === 'invalid' || code === 'not-found' ? ExitCode.usage : ExitCode.failed;
}
