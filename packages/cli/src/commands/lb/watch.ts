import { setTimeout as pause } from 'node:timers/promises';
import type { BalancerStatus, EventNotice } from '@higgins/agent';
import { type Command, InvalidArgumentError } from 'commander';
import { parseDurationMs } from '../../duration.js';
import { CommandError, ExitCode, printable } from '../../output.js';
import { ask, type ControlFlags } from './control.js';
import { ratesOf, topText } from './top-text.js';

const ALTERNATE_SCREEN = '\u001b[?1049h\u001b[?25l';
const NORMAL_SCREEN = '\u001b[?25h\u001b[?1049l';
const HOME_AND_CLEAR = '\u001b[H\u001b[J';
const INTERVAL_MS_MIN = 100;

interface TopFlags extends ControlFlags {
  readonly interval: string;
  readonly count?: number;
}

/** `higgins lb top|events`: what goes on in a running balancer, until interrupted. */
export function addWatchingCommands(lb: Command, socketOption: (command: Command) => Command): void {
  socketOption(lb.command('top'))
    .description('live rates, members, health and drains; with --json one line per interval')
    .option('--interval <time>', 'time between two looks', '1s')
    .option('--count <looks>', 'end after so many', positive)
    .action((flags: TopFlags) => top(flags));
  socketOption(lb.command('events'))
    .description('print what happens as JSON lines, until interrupted')
    .action(async (flags: ControlFlags) => {
      const signal = interrupted();
      await ask(flags, async (balancer) => {
        for await (const event of balancer.events(signal)) process.stdout.write(`${eventLine(event, flags)}\n`);
      });
    });
}

async function top(flags: TopFlags): Promise<void> {
  const intervalMs = parseDurationMs(flags.interval, '--interval');
  if (intervalMs < INTERVAL_MS_MIN) {
    throw new CommandError(`--interval "${flags.interval}": expected at least ${INTERVAL_MS_MIN}ms`, ExitCode.usage);
  }
  const signal = interrupted();
  const screen = !flags.json && process.stdout.isTTY === true;
  let before = await ask(flags, (balancer) => balancer.status());
  if (screen) process.stdout.write(ALTERNATE_SCREEN);
  try {
    for (let look = 0; look < (flags.count ?? Number.POSITIVE_INFINITY); look++) {
      await pause(intervalMs, null, { signal });
      const after = await ask(flags, (balancer) => balancer.status());
      process.stdout.write(frame(before, after, flags, screen));
      before = after;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    if (screen) process.stdout.write(NORMAL_SCREEN);
  }
}

function frame(before: BalancerStatus, after: BalancerStatus, flags: TopFlags, screen: boolean): string {
  if (flags.json) return `${JSON.stringify({ atWallMs: after.nowWallMs, services: ratesOf(before, after) })}\n`;
  if (!screen) return `${topText(before, after)}\n\n`;
  const lines = topText(before, after)
    .split('\n')
    .slice(0, Math.max(1, process.stdout.rows - 1));
  return `${HOME_AND_CLEAR}${lines.map((line) => line.slice(0, process.stdout.columns)).join('\n')}\n`;
}

function eventLine(event: EventNotice, flags: ControlFlags): string {
  if (flags.json || event.kind === 'lost') return JSON.stringify(event);
  const { atWallMs, severity, kind, ...particulars } = event;
  return printable(`${new Date(atWallMs).toISOString()} ${severity} ${kind} ${JSON.stringify(particulars)}`);
}

function interrupted(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('expected a whole number above 0');
  return value;
}
