import { AddressError, aggregate, diff, Ipv4Matcher, Ipv6Matcher, parseAddress, prefixTexts } from '@higgins/ipdata';
import { countEntries, type ListEntries } from '@higgins/signals';
import type { Command } from 'commander';
import { readListFiles } from '../lists/list-files.js';
import { CommandError, ExitCode, type OutputOptions, print } from '../output.js';

/** `higgins lists validate|diff|match`: what can be said of list files without a relay. */
export function addListsCommand(program: Command): void {
  const lists = program.command('lists').description('check, compare and search list files');

  lists
    .command('validate')
    .description('check the files of one list as the publisher would: canonical, no duplicates, within the limits')
    .argument('<files...>', 'one entry per line: address, CIDR, AS64500 or isp:NAME; # starts a comment')
    .option('--json', 'print one JSON line')
    .action((files: string[], options: OutputOptions) => {
      const entries = readListFiles(files);
      print(options, summaryOf(entries), (summary) =>
        Object.entries(summary)
          .map(([name, count]) => `${name}: ${count}`)
          .join('\n'),
      );
    });

  lists
    .command('diff')
    .description('print which prefixes a new version adds (+) and removes (-); exits with 1 if there are any')
    .argument('<before>', 'file of the old version')
    .argument('<after>', 'file of the new version')
    .option('--json', 'print one JSON line')
    .action((before: string, after: string, options: OutputOptions) => {
      const change = changeOf(readListFiles([before]), readListFiles([after]));
      if (change.added.length + change.removed.length > 0) process.exitCode = ExitCode.failed;
      print(options, change, ({ added, removed }) =>
        [...removed.map((text) => `- ${text}`), ...added.map((text) => `+ ${text}`)].join('\n'),
      );
    });

  lists
    .command('match')
    .description('tell whether an address lies in a list; exits with 1 if it does not')
    .argument('<address>', 'IPv4 or IPv6 address')
    .argument('<files...>', 'files of the list')
    .option('--json', 'print one JSON line')
    .action((address: string, files: string[], options: OutputOptions) => {
      const listed = isListed(address, readListFiles(files));
      if (!listed) process.exitCode = ExitCode.failed;
      print(options, { address, listed }, () => (listed ? 'listed' : 'not listed'));
    });
}

function summaryOf(entries: ListEntries) {
  return {
    entries: countEntries(entries),
    ipv4: entries.ipv4.size,
    ipv6: entries.ipv6.size,
    asns: entries.asns.length,
    isps: entries.isps.length,
    'smallest cover': aggregate(entries.ipv4).size + aggregate(entries.ipv6).size,
  };
}

function changeOf(before: ListEntries, after: ListEntries) {
  const [ipv4, ipv6] = [diff(before.ipv4, after.ipv4), diff(before.ipv6, after.ipv6)];
  return {
    added: [...prefixTexts(ipv4.added), ...prefixTexts(ipv6.added)],
    removed: [...prefixTexts(ipv4.removed), ...prefixTexts(ipv6.removed)],
  };
}

function isListed(text: string, entries: ListEntries): boolean {
  try {
    const { family, words } = parseAddress(text);
    if (family === 4) return new Ipv4Matcher(entries.ipv4).has(words[0] ?? 0);
    return new Ipv6Matcher(entries.ipv6).has(words);
  } catch (cause) {
    if (cause instanceof AddressError) throw new CommandError(`address: ${cause.message}`, ExitCode.usage, { cause });
    throw cause;
  }
}
