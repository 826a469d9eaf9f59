import { describe, expect, it } from 'vitest';
import { readConfiguration } from './core-form.js';
import { changed, coreDocument, refusals } from './resources.fixture.js';
import { writeConfiguration } from './write.js';

const web = (...changes: Parameters<typeof changed>[1][]) => changed(coreDocument(), ...changes);

describe('the core form', () => {
  it('LOB-07: fills in every default, and what is written reads back as the same', () => {
    const { configuration } = readConfiguration(coreDocument());
    const [loadBalancer] = configuration.loadBalancers;
    expect(loadBalancer).toMatchObject({ owner: 'local', frontEnd: 'core', seed: null, chainPriority: -100 });
    expect(loadBalancer?.listeners[0]).toMatchObject({
      dataPath: 'nat',
      clientAddress: 'keep',
      limits: { connectionsPerMember: null, burst: 5 },
      timeouts: { connectMs: null, idleMs: null, onIdle: 'release' },
    });
    expect(loadBalancer?.pools[0]).toMatchObject({
      algorithm: 'maglev',
      whenNoneHealthy: 'reject',
      activeCheck: { type: 'tcp', intervalMs: 10_000, timeoutMs: 5_000, rise: 2, fall: 3, startAvailable: true },
    });
    expect(loadBalancer?.pools[0]?.members[0]).toMatchObject({ weight: 1, priority: 0, activeCheck: 'inherit' });
    const text = JSON.stringify(writeConfiguration(configuration));
    expect(readConfiguration(JSON.parse(text)).configuration).toEqual(configuration);
  });

  it('keeps bytes that are no text over writing and reading', () => {
    const udp = { payload: { hex: '00ff80' }, expect: 'PONG' };
    const document = web([['loadBalancers', 0, 'pools', 1, 'activeCheck'], { type: 'udp', udp }]);
    const { configuration } = readConfiguration(document);
    const check = configuration.loadBalancers[0]?.pools[1]?.activeCheck;
    expect(check?.udp?.payload).toEqual(Uint8Array.of(0, 255, 128));
    expect(check?.udp?.expect).toEqual(new TextEncoder().encode('PONG'));
    const written = writeConfiguration(configuration) as { loadBalancers: { pools: { activeCheck: unknown }[] }[] };
    expect(written.loadBalancers[0]?.pools[1]?.activeCheck).toMatchObject({ udp });
  });

  it('gives checks what their type needs, and a timeout that fits the interval', () => {
    const at = (check: object) =>
      readConfiguration(web([['loadBalancers', 0, 'pools', 0, 'activeCheck'], check])).configuration.loadBalancers[0]!
        .pools[0]!.activeCheck;
    expect(at({ type: 'https' })).toMatchObject({ http: { path: '/', statuses: [[200, 399]] }, tls: { verify: true } });
    expect(at({ type: 'tcp', intervalMs: 1_000 })).toMatchObject({ timeoutMs: 1_000, http: null, tls: null });
  });

  it('lets a tenth of a second of the rate come at once', () => {
    const limits = (value: object) =>
      readConfiguration(web([['loadBalancers', 0, 'listeners', 0, 'limits'], value])).configuration.loadBalancers[0]!
        .listeners[0]!.limits.burst;
    expect([
      limits({}),
      limits({ connectionsPerSecond: 1_000 }),
      limits({ connectionsPerSecond: 10, burst: 7 }),
    ]).toEqual([5, 100, 7]);
  });

  it('L4-15: names field, value and expectation of what is unknown, missing or of another kind', () => {
    const refused = (...changes: Parameters<typeof changed>[1][]) => refusals(() => readConfiguration(web(...changes)));
    expect(refused([['loadBalancers', 0, 'colour'], 'red'])[0]).toMatch(
      /^loadBalancers\[0\].colour: unknown key "colour", expected one of owner, name, /,
    );
    expect(refused([['loadBalancers', 0, 'name'], undefined])).toEqual([
      'loadBalancers[0].name: missing, expected text',
    ]);
    expect(refused([['loadBalancers', 0, 'listeners', 0, 'protocol'], 'quic'])).toEqual([
      'loadBalancers[0].listeners[0].protocol: "quic" is refused, expected one of tcp, udp, sctp',
    ]);
    expect(refused([['loadBalancers', 0, 'listeners', 0, 'port'], '443'])).toEqual([
      'loadBalancers[0].listeners[0].port: "443" is refused, expected a number',
    ]);
    expect(refused([['loadBalancers', 0, 'listeners', 0, 'allow'], { kind: 'none' }])).toEqual([
      'loadBalancers[0].listeners[0].allow.kind: "none" is refused, expected one of inline, track',
    ]);
    expect(refused([['loadBalancers', 0, 'pools', 0, 'members', 0, 'activeCheck'], 7])).toEqual([
      'loadBalancers[0].pools[0].members[0].activeCheck: 7 is refused, expected inherit, or a map',
    ]);
    expect(
      refused([['loadBalancers', 0, 'pools', 0, 'members', 0, 'activeCheck'], { type: 'tcp', ris: 1 }])[0],
    ).toMatch(/members\[0\].activeCheck.ris: unknown key "ris", expected one of type, port,/);
    for (const value of [null, undefined, [], 7, 'text'])
      expect(refusals(() => readConfiguration(value))).toHaveLength(1);
  });
});
