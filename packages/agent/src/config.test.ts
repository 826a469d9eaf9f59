import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { enforcementOf, loadAgentConfig, validateAgentConfig } from './config.js';

const directory = mkdtempSync(join(tmpdir(), 'higgins-agent-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('agent configuration', () => {
  it('fills in defaults', () => {
    const config = loadAgentConfig(
      file([
        'pop: fra1',
        'stateDirectory: state',
        'lists:',
        '  - track: org/acme/lists/Office-Wall',
        '    file: list.txt',
      ]),
    );
    expect(config).toMatchObject({ pop: 'fra1', relays: [], nft: { table: 'higgins' } });
    expect(enforcementOf(config.lists[0]!)).toEqual({
      id: expect.stringMatching(/^office_wall_[0-9a-f]{6}$/),
      hook: 'input',
      priority: -150,
      interfaces: [],
      ports: { tcp: [], udp: [] },
      match: 'source',
      action: 'block',
      refusal: 'drop',
      initialExpiry: 'unset',
    });
  });

  it.each([
    [
      'an unknown key',
      ['pop: fra1', 'stateDirectory: s', 'lists:', '  - track: a/b', '    file: l', '    hok: input'],
      ':6: lists[0].hok: unknown key',
    ],
    [
      'a track that is none',
      ['pop: fra1', 'stateDirectory: s', 'lists:', '  - track: org//x', '    file: l'],
      ':4: lists[0].track: ',
    ],
    [
      'a list without any source',
      ['pop: fra1', 'stateDirectory: s', 'lists:', '  - track: a/b'],
      ':4: lists[0].track: the list has no file',
    ],
    [
      'two lists of one name',
      [
        'pop: fra1',
        'stateDirectory: s',
        'lists:',
        '  - {track: a/b, file: l, name: x}',
        '  - {track: a/c, file: l, name: x}',
      ],
      ':5: lists[1]: another list is named x in nft',
    ],
    [
      'one track from two sources',
      [
        'pop: fra1',
        'stateDirectory: s',
        'lists:',
        '  - {track: a/b, file: l, name: x}',
        '  - {track: a/b, file: m, name: y}',
      ],
      ':5: lists[1].file: the track a/b has another source',
    ],
    [
      'an interface that could be a rule',
      ['pop: f', 'stateDirectory: s', 'lists:', '  - {track: a/b, file: l, interfaces: ["a\\" drop"]}'],
      ':4: lists[0].interfaces[0]: expected an interface name',
    ],
    [
      'half an identity',
      ['pop: f', 'stateDirectory: s', 'tls: {privateKey: k}', 'lists:', '  - {track: a/b, file: l}'],
      ':3: tls: certificate and privateKey go together',
    ],
    [
      'a relay of another scheme',
      ['pop: f', 'stateDirectory: s', 'relays: [{url: "http://x:1"}]', 'lists:', '  - {track: a/b}'],
      ':3: relays[0].url: expected moqt://',
    ],
  ])('BUS-135: names field and line of %s', (_, lines, message) => {
    expect(() => validateAgentConfig(file(lines))).toThrow(message);
  });
});

function file(lines: readonly string[]): string {
  const path = join(directory, 'agent.yaml');
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}
