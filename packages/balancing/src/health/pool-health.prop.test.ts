import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PoolHealth } from './pool-health.js';
import { healthSettings } from './settings.js';

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const RISE = 2;
const FALL = 3;
const FAILURES = 3;
const EJECTION_MS = 1_000;
const EJECTION_MS_MAX = 4_000;
const PERCENT = 40;

type Step =
  | { readonly kind: 'check'; readonly name: string; readonly success: boolean }
  | { readonly kind: 'traffic'; readonly name: string; readonly successes: number; readonly failures: number }
  | { readonly kind: 'drain'; readonly name: string; readonly forMs: number }
  | { readonly kind: 'enable' | 'disable'; readonly name: string };
type TimedStep = { readonly step: Step; readonly waitMs: number };

const name = fc.constantFrom(...NAMES);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('check' as const), name, success: fc.boolean() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      ...{ kind: fc.constant('traffic' as const), name },
      ...{ successes: fc.constantFrom(0, 0, 1), failures: fc.nat({ max: 3 }) },
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drain' as const), name, forMs: fc.nat({ max: 3_000 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('enable' as const, 'disable' as const), name }) },
);
const steps = fc.array(fc.record({ step, waitMs: fc.constantFrom(0, 1, 100, 900, 5_000) }), { maxLength: 60 });

const settings = healthSettings({
  active: { rise: RISE, fall: FALL },
  outlier: {
    ...{ consecutiveFailures: FAILURES, ejectionMs: EJECTION_MS, ejectionMsMax: EJECTION_MS_MAX },
    ...{ maxEjectionPercent: PERCENT, halfOpen: { successes: 2 } },
  },
});

/** The model: each member's history, from which every question is answered anew. */
class Model {
  readonly #checks = new Map<string, boolean[]>(NAMES.map((member) => [member, []]));
  readonly #breakers = new Map(
    NAMES.map((member) => [
      member,
      {
        opens: [] as { at: number; until: number }[],
        run: 0,
        trial: 0,
        closedAt: null as number | null,
        onTrial: false,
      },
    ]),
  );
  readonly admin = new Map<string, { state: string; until: number }>();

  /** Replays the checks: the last run that was long enough decides. */
  passing(member: string): boolean {
    let passing = true;
    let run = 0;
    for (const success of this.#checks.get(member)!) {
      run = success === run > 0 ? run + (success ? 1 : -1) : success ? 1 : -1;
      if (run >= RISE) passing = true;
      if (run <= -FALL) passing = false;
    }
    return passing;
  }

  state(member: string, nowMs: number): string {
    const admin = this.admin.get(member);
    if (admin !== undefined) return admin.state === 'draining' && nowMs >= admin.until ? 'drained' : admin.state;
    if (!this.passing(member) || this.#isOpen(member, nowMs)) return 'ejected';
    return this.#breakers.get(member)!.onTrial ? 'on-trial' : 'active';
  }

  apply(event: Step, nowMs: number): void {
    if (event.kind === 'check') this.#check(event, nowMs);
    else if (event.kind === 'traffic') this.#traffic(event, nowMs);
    else if (event.kind === 'drain') this.admin.set(event.name, { state: 'draining', until: nowMs + event.forMs });
    else if (event.kind === 'disable') this.admin.set(event.name, { state: 'disabled', until: 0 });
    else this.admin.delete(event.name);
  }

  #check({ name: member, success }: Step & { kind: 'check' }, nowMs: number): void {
    this.#checks.get(member)!.push(success);
    const isDraining = this.state(member, nowMs) === 'draining';
    if (isDraining && !this.passing(member)) this.admin.set(member, { state: 'drained', until: 0 });
  }

  #traffic({ name: member, successes, failures }: Step & { kind: 'traffic' }, nowMs: number): void {
    const breaker = this.#breakers.get(member)!;
    if (this.#isOpen(member, nowMs)) return;
    breaker.run = successes > 0 ? 0 : breaker.run + failures;
    if (breaker.onTrial && failures === 0) {
      breaker.trial += successes;
      if (breaker.trial < 2) return;
      breaker.onTrial = false;
      breaker.closedAt = nowMs;
    }
    if (breaker.onTrial ? failures === 0 : breaker.run < FAILURES) return;
    const pool = NAMES.filter((other) => this.admin.get(other)?.state !== 'disabled');
    const out = pool.filter((other) => other !== member && (!this.passing(other) || this.#isOpen(other, nowMs)));
    if (out.length + 1 > Math.floor((pool.length * PERCENT) / 100)) return;
    this.#open(breaker, nowMs);
  }

  #open(breaker: ReturnType<Model['breakerOf']>, nowMs: number): void {
    if (breaker.closedAt !== null && nowMs - breaker.closedAt >= EJECTION_MS) breaker.opens = [];
    const until = nowMs + Math.min((breaker.opens.length + 1) * EJECTION_MS, EJECTION_MS_MAX);
    breaker.opens.push({ at: nowMs, until });
    Object.assign(breaker, { run: 0, trial: 0, closedAt: null, onTrial: true });
  }

  breakerOf(member: string) {
    return this.#breakers.get(member)!;
  }

  #isOpen(member: string, nowMs: number): boolean {
    return nowMs < (this.#breakers.get(member)!.opens.at(-1)?.until ?? 0);
  }
}

describe('any sequence of events', () => {
  const run = (events: readonly TimedStep[], look: (pool: PoolHealth, model: Model, nowMs: number) => void) => {
    const pool = new PoolHealth(
      settings,
      NAMES.map((member) => ({ name: member, weight: 1 })),
      0,
    );
    const model = new Model();
    let nowMs = 0;
    for (const { step: event, waitMs } of events) {
      nowMs += waitMs;
      feed(pool, event, nowMs);
      model.apply(event, nowMs);
      pool.advance(nowMs);
      look(pool, model, nowMs);
    }
  };
  const check = (look: (pool: PoolHealth, model: Model, nowMs: number) => void) =>
    fc.assert(
      fc.property(steps, (events) => run(events, look)),
      { numRuns: 1_000, seed: 20261121 },
    );

  it('leads to the states of the model', () => {
    check((pool, model, nowMs) => {
      const states = pool.report().map(({ member, status }) => `${member.name} ${status.state}`);
      expect(states).toEqual(NAMES.map((member) => `${member} ${model.state(member, nowMs)}`));
    });
  });

  it('keeps those in the rotation that are active or on trial, and no others', () => {
    check((pool, model, nowMs) => {
      const { mode, members } = pool.rotation(nowMs);
      const serving = members.filter(({ sharePercent }) => sharePercent !== 0).map((member) => member.name);
      expect(serving).toEqual(NAMES.filter((member) => ['active', 'on-trial'].includes(model.state(member, nowMs))));
      expect(mode).toBe(serving.length === 0 ? 'reject' : 'normal');
    });
  });

  it('changes by itself at the announced time and never before', () => {
    check((pool, _, nowMs) => {
      const next = pool.nextTimeoutMs(nowMs);
      if (next === null) return expect(pool.advance(nowMs + 1e9)).toEqual([]);
      const twin = new PoolHealth(
        settings,
        NAMES.map((member) => ({ name: member, weight: 1 })),
        nowMs,
      );
      twin.restore(pool.report(), nowMs);
      expect(next).toBeGreaterThan(nowMs);
      expect(twin.advance(next - 1)).toEqual([]);
      const before = JSON.stringify(twin.report());
      twin.advance(next);
      expect(JSON.stringify(twin.report())).not.toBe(before);
    });
  });

  it('reports every change of a state once', () => {
    fc.assert(
      fc.property(steps, (events) => {
        const pool = new PoolHealth(
          settings,
          NAMES.map((member) => ({ name: member, weight: 1 })),
          0,
        );
        const known = new Map(NAMES.map((member) => [member, 'active']));
        let nowMs = 0;
        for (const { step: event, waitMs } of events) {
          nowMs += waitMs;
          for (const change of feed(pool, event, nowMs)) {
            if (change.kind === 'pool') continue;
            expect(change.from.state).toBe(known.get(change.member));
            known.set(change.member, change.to.state);
          }
        }
        expect(pool.report().map(({ status }) => status.state)).toEqual([...known.values()]);
      }),
      { numRuns: 500, seed: 20261121 },
    );
  });
});

function feed(pool: PoolHealth, event: Step, nowMs: number) {
  switch (event.kind) {
    case 'check':
      return pool.check(event.name, event.success, nowMs);
    case 'traffic':
      return pool.traffic(event.name, event, nowMs);
    case 'drain':
      return pool.drain(event.name, nowMs + event.forMs, nowMs);
    case 'enable':
      return pool.enable(event.name, nowMs);
    case 'disable':
      return pool.disable(event.name, nowMs);
  }
}
