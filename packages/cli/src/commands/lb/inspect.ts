import { resolve } from 'node:path';
import type { Command } from 'commander';
import { ExitCode, print } from '../../output.js';
import { ask, type ControlFlags } from './control.js';
import { diffText } from './diff-text.js';
import { explanationText, parseFlow } from './explain-text.js';
import { statusText } from './status-text.js';

/** `higgins lb status|explain|diff`: what a running balancer does, would do, and why. */
export function addInspectingCommands(lb: Command, socketOption: (command: Command) => Command): void {
  socketOption(lb.command('status'))
    .description('services, members, health and names; exits with 1 if the newest state is not in force')
    .action(async (flags: ControlFlags) => {
      const status = await ask(flags, (balancer) => balancer.status());
      const { configuration, kernel } = status;
      if (configuration.refused !== null || kernel.phase === 'failed') process.exitCode = ExitCode.failed;
      print(flags, status, statusText);
    });
  socketOption(lb.command('explain'))
    .description('which member will serve a new flow, and why the others will not; exits with 1 if none will')
    .argument('<protocol>', 'tcp, udp or sctp')
    .argument('<source>', 'ADDRESS:PORT of the client; IPv6 in brackets')
    .argument('<destination>', 'ADDRESS:PORT that it connects to')
    .option('--interface <device>', 'the receiving device')
    .action(
      async (protocol: string, source: string, destination: string, flags: ControlFlags & { interface?: string }) => {
        const flow = parseFlow(protocol, source, destination, flags.interface);
        const explanation = await ask(flags, (balancer) => balancer.explain(flow));
        if (['none', 'blocked', 'not-balanced'].includes(explanation.outcome)) process.exitCode = ExitCode.failed;
        print(flags, explanation, explanationText);
      },
    );
  socketOption(lb.command('diff'))
    .description(
      'what would change if the configuration, or another file, were taken over now; exits with 1 if anything',
    )
    .argument('[file]', 'a configuration in place of the one that the balancer reads')
    .action(async (file: string | undefined, flags: ControlFlags) => {
      const diff = await ask(flags, (balancer) => {
        return file === undefined ? balancer.diff() : balancer.diffFile(resolve(file));
      });
      if (diff.changed) process.exitCode = ExitCode.failed;
      print(flags, diff, diffText);
    });
}
