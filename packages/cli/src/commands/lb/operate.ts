import type { DrainOptions, MemberName, MemberSelector } from '@higgins/agent';
import type { Command } from 'commander';
import { parseDurationMs } from '../../duration.js';
import { CommandError, ExitCode, print } from '../../output.js';
import { ask, type ControlFlags } from './control.js';

interface SelectorFlags extends ControlFlags {
  readonly owner?: string;
  readonly loadBalancer?: string;
  readonly pool?: string;
}

interface DrainFlags extends SelectorFlags {
  readonly deadline?: string;
  readonly wait?: boolean;
}

/** `higgins lb drain|undrain|reload|flush`: what an operator does to a running balancer. */
export function addOperatingCommands(lb: Command, socketOption: (command: Command) => Command): void {
  selector(socketOption(lb.command('drain')))
    .description('end new flows to a member; established ones stay until they end, or the deadline')
    .argument('<member>', 'name of the member, in all pools unless narrowed')
    .option(
      '--deadline <time>',
      'cut what is left after that time, such as 30s; 0s cuts at once. Default: as the pool says',
    )
    .option('--wait', 'no deadline: wait for the flows to end by themselves')
    .action(async (member: string, flags: DrainFlags) => {
      const options = drainOptions(flags);
      told(flags, await ask(flags, (balancer) => balancer.drain(selected(member, flags), options)), 'draining');
    });
  selector(socketOption(lb.command('undrain')))
    .description('end a drain, finished or not')
    .argument('<member>', 'name of the member, in all pools unless narrowed')
    .action(async (member: string, flags: SelectorFlags) => {
      told(flags, await ask(flags, (balancer) => balancer.undrain(selected(member, flags))), 'in service again');
    });
  socketOption(lb.command('reload'))
    .description('read the configuration again; what is refused leaves the one before in force')
    .action(async (flags: ControlFlags) => {
      const result = await ask(flags, (balancer) => balancer.reload());
      print(
        flags,
        result,
        ({ revision, changed }) => `revision ${revision} is in force${changed ? '' : ', unchanged'}`,
      );
    });
  socketOption(lb.command('flush'))
    .description(
      'remove everything from the kernel: connections through it break, and nothing is balanced until a reload',
    )
    .option('--yes', 'really do it')
    .action(async (flags: ControlFlags & { readonly yes?: boolean }) => {
      if (!flags.yes) throw new CommandError('flush breaks every connection: confirm with --yes', ExitCode.usage);
      await ask(flags, (balancer) => balancer.flush());
      print(flags, { flushed: true }, () => 'nothing is balanced any more; higgins lb reload brings it back');
    });
}

function selector(command: Command): Command {
  return command
    .option('--owner <name>', 'only in load balancers of this owner')
    .option('--load-balancer <name>', 'only in this load balancer')
    .option('--pool <name>', 'only in this pool');
}

function selected(member: string, { owner, loadBalancer, pool }: SelectorFlags): MemberSelector {
  return {
    member,
    ...(owner === undefined ? {} : { owner }),
    ...(loadBalancer === undefined ? {} : { loadBalancer }),
    ...(pool === undefined ? {} : { pool }),
  };
}

function drainOptions({ deadline, wait }: DrainFlags): DrainOptions {
  if (wait && deadline !== undefined) {
    throw new CommandError('--wait and --deadline: expected one or the other', ExitCode.usage);
  }
  if (wait) return { deadlineMs: null };
  return deadline === undefined ? {} : { deadlineMs: parseDurationMs(deadline, '--deadline') };
}

function told(flags: ControlFlags, members: readonly MemberName[], what: string): void {
  print(flags, { members }, () =>
    members
      .map(({ loadBalancer, pool, family, member }) => `${loadBalancer}/${pool}/${member} IPv${family}: ${what}`)
      .join('\n'),
  );
}
