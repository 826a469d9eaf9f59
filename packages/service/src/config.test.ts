import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigError, loadConfig, parseConfig, parseDocuments } from './config.js';

const schema = z.strictObject({
  listen: z.strictObject({ host: z.string(), port: z.number().int().min(0).max(65535) }),
  upstreams: z.array(z.strictObject({ url: z.string() })).default([]),
});

function problemsOf(text: string) {
  try {
    parseConfig(schema, text, 'relay.yaml');
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('accepted');
}

describe('parseConfig', () => {
  it('returns checked values with defaults', () => {
    expect(parseConfig(schema, 'listen: { host: "::1", port: 4443 }', 'relay.yaml')).toEqual({
      listen: { host: '::1', port: 4443 },
      upstreams: [],
    });
  });

  it('BUS-135: names an unknown key and its line', () => {
    const error = problemsOf('listen:\n  host: a\n  port: 1\n  prot: 2\n');
    expect(error.problems).toEqual([{ path: 'listen.prot', line: 4, message: 'unknown key' }]);
    expect(error.message).toBe('relay.yaml:4: listen.prot: unknown key');
  });

  it('names the line of a wrong value inside a list', () => {
    const error = problemsOf('listen: { host: a, port: 1 }\nupstreams:\n  - url: x\n  - url: 5\n');
    expect(error.problems[0]).toMatchObject({ path: 'upstreams[1].url', line: 4 });
  });

  it('names the parent line of a missing field', () => {
    const error = problemsOf('# comment\nlisten:\n  host: a\n');
    expect(error.problems[0]).toMatchObject({ path: 'listen.port', line: 2 });
  });

  it('reports a syntax error with its line, and every problem at once', () => {
    expect(problemsOf('listen: [1\nx').problems[0]?.line).toBeGreaterThan(0);
    expect(problemsOf('listen: { host: 1, port: x }').problems).toHaveLength(2);
  });

  it('says that a file cannot be read', () => {
    expect(() => loadConfig(schema, '/nonexistent/relay.yaml')).toThrow(/relay.yaml: cannot be read/);
  });
});

describe('parseDocuments', () => {
  it('reads every document with the lines of its fields, and leaves empty ones out', () => {
    const documents = parseDocuments('---\nkind: A\n---\n---\nspec:\n  ports: [1, 2]\n', 'all.yaml');
    expect(documents.map(({ value }) => value)).toEqual([{ kind: 'A' }, { spec: { ports: [1, 2] } }]);
    expect(documents[1]?.lineOf(['spec', 'ports', 1])).toBe(6);
    expect(documents[1]?.lineOf(['spec', 'missing'])).toBe(5);
    expect(documents[1]?.lineOf(['missing'])).toBeNull();
  });

  it('refuses with a ConfigError whatever the YAML library throws at', () => {
    const bomb = [
      'a: &a [x]',
      ...[...'bcdefgh'].map((name, i) => `${name}: &${name} [${`*${'abcdefg'[i]},`.repeat(9)}]`),
    ];
    for (const text of ['a: *unknown', bomb.join('\n'), '['.repeat(10_000), 'a: 1\na: 2', 'a: [']) {
      expect(() => parseDocuments(text, 'bad.yaml')).toThrow(ConfigError);
    }
    expect(() => parseConfig(schema, 'listen: *unknown', 'bad.yaml')).toThrow(/^bad\.yaml: /);
  });
});
