import { affinity, changedSlots } from '@higgins/balancing';
import { describe, expect, it } from 'vitest';
import { describeSteps } from './describe.js';
import { type ServiceOptions, serviceOf } from './maglev.fixture.js';
import type { DesiredService } from './model.js';
import { type ActualBalancer, type Plan, planBalancer, setKey } from './plan.js';
import type { TableFamily } from './ruleset.js';
import type { ExistingTable } from './script.js';
import { NO_SURROUNDINGS, type Surroundings } from './surroundings.js';

const EMPTY: ActualBalancer = {
  ...{
    generation: 7,
    existing: new Map(),
    structure: null,
    marks: new Map(),
    referenced: new Set(),
    contents: new Map(),
  },
  ...{ ruleset: null, intact: true, routes: [] },
};
const WEB: ServiceOptions = {
  ...{ id: 'web', addresses: ['192.0.2.1'], memberPort: 8080, members: { '10.0.0.1': 1, '10.0.0.2': 1 } },
  selection: { tableSize: 251 },
};

describe('plan', () => {
  it('L4-81: a new service is prepared where no packet sees it, and then stands there whole', () => {
    expect(describeSteps(planned([WEB], EMPTY).steps)).toMatchInlineSnapshot(`
      "nft -f -
        add table inet lb { comment "Higgins Bus balancer"; }
        add map inet lb s.web.slots.251.0 { typeof numgen inc mod 251 : ct mark; size 502; }
      batch for inet, whatever the generation
        add s.web.slots.251.0 251 elements
      nft -f -
        add table inet lb { comment "Higgins Bus balancer"; }
        add counter inet lb s.web.none
        add counter inet lb m.web.f504734412.flows
        add counter inet lb m.web.cb5f37b476.flows
        add counter inet lb m.web.f504734412.sent
        add counter inet lb m.web.cb5f37b476.sent
        add counter inet lb m.web.f504734412.answered
        add counter inet lb m.web.cb5f37b476.answered
        add counter inet lb m.web.f504734412.refused
        add counter inet lb m.web.cb5f37b476.refused
        create set inet lb structure { type mark . mark; }
        add set inet lb readback { type mark . mark; }
        add map inet lb s.web.members { type mark : verdict; }
        add map inet lb sent { type mark : counter; }
        add map inet lb answered { type mark : counter; }
        add map inet lb refused { type mark : counter; }
        add map inet lb nat.prerouting.m100.v4 { type ipv4_addr . inet_proto . inet_service : verdict; }
        add chain inet lb refuse
        add chain inet lb s.web
        add chain inet lb m.web.f504734412
        add chain inet lb m.web.cb5f37b476
        add chain inet lb nat.prerouting.m100 { type nat hook prerouting priority -100; policy accept; }
        add chain inet lb count.prerouting.m99 { type filter hook prerouting priority -99; policy accept; }
        add chain inet lb count.output.m99 { type filter hook output priority -99; policy accept; }
        add element inet lb s.web.members { 0x4c000001 : goto m.web.f504734412, 0x4c000002 : goto m.web.cb5f37b476 }
        add element inet lb sent { 0x4c000001 : "m.web.f504734412.sent", 0x4c000002 : "m.web.cb5f37b476.sent" }
        add element inet lb answered { 0x4c000001 : "m.web.f504734412.answered", 0x4c000002 : "m.web.cb5f37b476.answered" }
        add element inet lb refused { 0x4c000001 : "m.web.f504734412.refused", 0x4c000002 : "m.web.cb5f37b476.refused" }
        add element inet lb nat.prerouting.m100.v4 { 192.0.2.1 . tcp . 80 : goto s.web }
        add rule inet lb refuse meta l4proto tcp reject with tcp reset
        add rule inet lb refuse reject
        add rule inet lb s.web ct mark set jhash ip saddr . ip daddr . meta l4proto . th sport . th dport mod 251 seed 0x5eed0001 map @s.web.slots.251.0
        add rule inet lb s.web ct mark vmap @s.web.members
        add rule inet lb s.web counter name "s.web.none" goto refuse
        add rule inet lb m.web.f504734412 counter name "m.web.f504734412.flows" meta l4proto tcp dnat ip to 10.0.0.1:8080
        add rule inet lb m.web.cb5f37b476 counter name "m.web.cb5f37b476.flows" meta l4proto tcp dnat ip to 10.0.0.2:8080
        add rule inet lb nat.prerouting.m100 ip daddr . meta l4proto . th dport vmap @nat.prerouting.m100.v4
        add rule inet lb count.prerouting.m99 ct mark & 0xff000000 != 0x4c000000 return
        add rule inet lb count.prerouting.m99 ct direction original counter name ct mark map @sent return
        add rule inet lb count.prerouting.m99 meta l4proto != tcp return
        add rule inet lb count.prerouting.m99 ct status & assured != 0 return
        add rule inet lb count.prerouting.m99 tcp flags & (syn | ack) == syn | ack counter name ct mark map @answered return
        add rule inet lb count.prerouting.m99 tcp flags & rst != 0 counter name ct mark map @refused
        add rule inet lb count.output.m99 ct mark & 0xff000000 != 0x4c000000 return
        add rule inet lb count.output.m99 ct direction original counter name ct mark map @sent return
        add rule inet lb count.output.m99 meta l4proto != tcp return
        add rule inet lb count.output.m99 ct status & assured != 0 return
        add rule inet lb count.output.m99 tcp flags & (syn | ack) == syn | ack counter name ct mark map @answered return
        add rule inet lb count.output.m99 tcp flags & rst != 0 counter name ct mark map @refused
        add element inet lb structure { 0xab6ca812 . 0x09f2cb5f }"
    `);
  });

  it('L4-81: what is in place takes nothing', () => {
    expect(describeSteps(planned([WEB], after(planned([WEB], EMPTY))).steps)).toBe('');
  });

  it('L4-81: what is kept of services from change to change is what would be compiled anew', () => {
    const options = { table: 'lb', batchBytesMax: 1 << 20, surroundings: NO_SURROUNDINGS };
    const dns: ServiceOptions = {
      ...WEB,
      id: 'dns',
      protocol: 'udp',
      source: 'masquerade',
      idleMs: 9_000,
      block: ['192.0.2.0/24'],
    };
    const steps: readonly (readonly ServiceOptions[])[] = [
      [WEB, dns],
      [{ ...WEB, connectionsPerMember: 5 }, dns],
      [WEB, { ...dns, members: { '10.0.0.1': 1, '10.0.0.2': 0 } }, { ...WEB, id: 'more', port: 81 }],
      [dns],
    ];
    const known = new Map<ServiceOptions, DesiredService>();
    const kept = (of: ServiceOptions) => known.get(of) ?? known.set(of, serviceOf(of)).get(of)!;
    const walk = (make: (of: ServiceOptions) => DesiredService) => {
      let actual = EMPTY;
      return steps.map((services) => {
        const plan = planBalancer({ services: services.map(make) }, actual, options);
        actual = after(plan);
        return [plan.digest, describeSteps(plan.steps)];
      });
    };
    expect(walk(kept)).toEqual(walk(serviceOf));
    expect(walk(kept)).toEqual(walk(serviceOf));
  });

  it('nothing to balance makes no table', () => {
    expect(planned([], EMPTY).steps).toEqual([]);
  });

  it('L4-40, L4-81: a member that goes out is one batch of the slots that change, bound to the generation that was read', () => {
    const first = planned([WEB], EMPTY);
    const out = { ...WEB, members: { '10.0.0.1': 1, '10.0.0.2': 0 } };
    const plan = planned([out], after(first));
    const changed = changedSlots(serviceOf(WEB).table, serviceOf(out).table).length;
    expect(plan.structure).toBe(false);
    expect(describeSteps(plan.steps)).toBe(
      `batch for inet, if generation 7\n  delete s.web.slots.251.0 ${changed} elements\n  add s.web.slots.251.0 ${changed} elements`,
    );
  });

  it('L4-81: with nobody left, slots are deleted and none added', () => {
    const plan = planned([{ ...WEB, members: { '10.0.0.1': 0, '10.0.0.2': 0 } }], after(planned([WEB], EMPTY)));
    expect(describeSteps(plan.steps)).toBe('batch for inet, if generation 7\n  delete s.web.slots.251.0 251 elements');
  });

  it('L4-81: a batch that is too large becomes a second map and a switch', () => {
    const first = planned([WEB], EMPTY);
    const out = { ...WEB, members: { '10.0.0.1': 1, '10.0.0.2': 0 } };
    const plan = planned([out], after(first), { batchBytesMax: 12_000 });
    expect(plan.structure).toBe(true);
    expect(describeSteps(plan.steps)).toMatchInlineSnapshot(`
      "nft -f -
        add table inet lb { comment "Higgins Bus balancer"; }
        add map inet lb s.web.slots.251.1 { typeof numgen inc mod 251 : ct mark; size 502; }
      batch for inet, whatever the generation
        add s.web.slots.251.1 98 elements
      batch for inet, whatever the generation
        add s.web.slots.251.1 98 elements
      batch for inet, whatever the generation
        add s.web.slots.251.1 55 elements
      nft -f -
        delete element inet lb structure { 0xab6ca812 . 0x09f2cb5f }
        add table inet lb { comment "Higgins Bus balancer"; }
        flush chain inet lb s.web
        add rule inet lb s.web ct mark set jhash ip saddr . ip daddr . meta l4proto . th sport . th dport mod 251 seed 0x5eed0001 map @s.web.slots.251.1
        add rule inet lb s.web ct mark vmap @s.web.members
        add rule inet lb s.web counter name "s.web.none" goto refuse
        delete map inet lb s.web.slots.251.0
        add element inet lb structure { 0x02afdc40 . 0x52fbea7d }"
    `);
  });

  it('L4-30: who may be remembered changes in the same batch as the slots', () => {
    const sticky = { ...WEB, affinity: affinity({ ttlMs: 60_000 }) };
    const plan = planned([{ ...sticky, members: { '10.0.0.1': 1, '10.0.0.2': 0 } }], after(planned([sticky], EMPTY)));
    expect(describeSteps(plan.steps)).toContain('delete s.web.serving.0 0x4c000002');
  });

  it('L4-16: limits, timeouts, sources and lists change rules alone, never the slots', () => {
    const first = planned([WEB], EMPTY);
    const changed: ServiceOptions = {
      ...WEB,
      ...{
        connectionsPerMember: 10,
        connections: 100,
        connectionsPerSecond: 50,
        burst: 5,
        connectMs: 5_000,
        idleMs: 300_000,
      },
      ...{ source: 'masquerade', allow: ['198.51.100.0/24'], block: ['198.51.100.9'], onIdle: 'reset' },
    };
    expect(describeSteps(planned([changed], after(first)).steps)).toMatchInlineSnapshot(`
      "nft -f -
        add table inet lb { comment "Higgins Bus balancer"; }
        add set inet lb list.990de5b0305b { type ipv4_addr; flags interval; }
        add set inet lb list.6bb62120d903 { type ipv4_addr; flags interval; }
      batch for inet, whatever the generation
        add list.990de5b0305b c6336409c6336409
        add list.6bb62120d903 c6336400c63364ff
      nft -f -
        delete element inet lb structure { 0xab6ca812 . 0x09f2cb5f }
        add table inet lb { comment "Higgins Bus balancer"; }
        add counter inet lb s.web.source
        add limit inet lb s.web.rate.50.5 { rate over 50/second burst 5 packets; }
        add counter inet lb s.web.rate
        add counter inet lb s.web.limit
        add ct timeout inet lb timeout.tcp4.5.300 { protocol tcp; l3proto ip; policy = { syn_sent : 5, established : 300 }; }
        add set inet lb s.web.open.100 { type inet_proto; size 8; flags dynamic; }
        add set inet lb s.web.full.10 { type mark; size 65535; flags dynamic; }
        add map inet lb sources { type mark : verdict; }
        add chain inet lb source.device
        add chain inet lb nat.postrouting { type nat hook postrouting priority 100; policy accept; }
        flush chain inet lb s.web
        flush chain inet lb m.web.f504734412
        flush chain inet lb m.web.cb5f37b476
        add element inet lb sources { 0x4c000001 : goto source.device, 0x4c000002 : goto source.device }
        add rule inet lb s.web ip saddr @list.990de5b0305b counter name "s.web.source" drop
        add rule inet lb s.web ip saddr != @list.6bb62120d903 counter name "s.web.source" goto refuse
        add rule inet lb s.web tcp flags & (fin | syn | rst | ack) != syn goto refuse
        add rule inet lb s.web limit name "s.web.rate.50.5" counter name "s.web.rate" goto refuse
        add rule inet lb s.web add @s.web.open.100 { meta l4proto ct count over 100 } counter name "s.web.limit" goto refuse
        add rule inet lb s.web ct mark set jhash ip saddr . ip daddr . meta l4proto . th sport . th dport mod 251 seed 0x5eed0001 map @s.web.slots.251.0
        add rule inet lb s.web ct mark vmap @s.web.members
        add rule inet lb s.web counter name "s.web.none" goto refuse
        add rule inet lb m.web.f504734412 add @s.web.full.10 { ct mark ct count over 10 } counter name "s.web.limit" goto refuse
        add rule inet lb m.web.f504734412 ct timeout set "timeout.tcp4.5.300"
        add rule inet lb m.web.f504734412 counter name "m.web.f504734412.flows" meta l4proto tcp dnat ip to 10.0.0.1:8080
        add rule inet lb m.web.cb5f37b476 add @s.web.full.10 { ct mark ct count over 10 } counter name "s.web.limit" goto refuse
        add rule inet lb m.web.cb5f37b476 ct timeout set "timeout.tcp4.5.300"
        add rule inet lb m.web.cb5f37b476 counter name "m.web.cb5f37b476.flows" meta l4proto tcp dnat ip to 10.0.0.2:8080
        add rule inet lb source.device masquerade
        add rule inet lb nat.postrouting ct mark vmap @sources
        add element inet lb structure { 0x7ae5b81d . 0x27e8db21 }"
    `);
  });

  it('L4-88: slot maps hold marks and no ports, so that a rule may read one that is there already', () => {
    const all: ServiceOptions[] = [
      WEB,
      { ...WEB, id: 'dns', protocol: 'udp' },
      { ...WEB, id: 'far', dataPath: 'dsr-l3', memberPort: 80 },
    ];
    const maps = [...planned(all, EMPTY).ruleset].flatMap(([, { sets }]) =>
      [...sets].filter(([name]) => name.includes('.slots.')),
    );
    expect(maps).toHaveLength(3);
    for (const [, { body }] of maps) expect(body).toMatch(/^typeof numgen inc mod 251 : (ct|meta) mark; size 502;$/);
  });

  it('LOB-33: a removed service goes in one transaction, and leaves nothing', () => {
    const other = { ...WEB, id: 'other', addresses: ['192.0.2.2'] };
    expect(describeSteps(planned([WEB], after(planned([WEB, other], EMPTY))).steps)).toMatchInlineSnapshot(`
      "nft -f -
        delete element inet lb structure { 0xfe162413 . 0x90852c9b }
        add table inet lb { comment "Higgins Bus balancer"; }
        flush chain inet lb s.other
        flush chain inet lb m.other.f504734412
        flush chain inet lb m.other.cb5f37b476
        delete element inet lb sent { 0x4c000001, 0x4c000002 }
        delete element inet lb answered { 0x4c000001, 0x4c000002 }
        delete element inet lb refused { 0x4c000001, 0x4c000002 }
        delete element inet lb nat.prerouting.m100.v4 { 192.0.2.2 . tcp . 80 }
        delete map inet lb s.other.members
        delete map inet lb s.other.slots.251.0
        delete chain inet lb s.other
        delete chain inet lb m.other.f504734412
        delete chain inet lb m.other.cb5f37b476
        delete counter inet lb s.other.none
        delete counter inet lb m.other.f504734412.flows
        delete counter inet lb m.other.cb5f37b476.flows
        delete counter inet lb m.other.f504734412.sent
        delete counter inet lb m.other.cb5f37b476.sent
        delete counter inet lb m.other.f504734412.answered
        delete counter inet lb m.other.cb5f37b476.answered
        delete counter inet lb m.other.f504734412.refused
        delete counter inet lb m.other.cb5f37b476.refused
        add element inet lb structure { 0xb9473eb9 . 0xd13847f8 }"
    `);
  });

  it('L4-27: members keep their marks, and new ones follow', () => {
    const first = planned([WEB], EMPTY);
    const grown = planned([{ ...WEB, members: { '10.0.0.0': 1, '10.0.0.2': 1 } }], after(first));
    expect([...grown.numbering.get('web')!.values()].map(({ name, mark }) => [name, mark & 0xffffff])).toEqual([
      ['10.0.0.0', 3],
      ['10.0.0.2', 2],
    ]);
  });

  it('L4-82: after a restart nothing is known of the rules, so all are written, and contents stay', () => {
    const { steps } = planned([{ ...WEB, idleMs: 9_000 }], { ...after(planned([WEB], EMPTY)), ruleset: null });
    expect(steps).toHaveLength(1);
    expect(describeSteps(steps)).toContain('flush chain inet lb s.web\n');
    expect(describeSteps(steps)).not.toContain('slots.251.1');
  });

  it('L4-60: routes of members stand before packets are marked for them, and go after', () => {
    const direct: ServiceOptions = { ...WEB, dataPath: 'dsr-l3', memberPort: 80 };
    const hop = {
      device: 'eth1',
      deviceIndex: 3,
      deviceMac: '02:00:00:00:00:01',
      mac: '02:00:00:00:00:02',
      onLink: true,
    };
    const hops = ['10.0.0.1', '10.0.0.2'].map((gateway) => [gateway, { ...hop, gateway }] as const);
    const surroundings: Surroundings = { devices: ['eth0', 'eth1'], hops: new Map(hops) };
    const first = planned([direct], EMPTY, { surroundings });
    expect(describeSteps(first.steps.slice(0, 1))).toBe(
      'routes\n  add 0x4c000001 via 10.0.0.1 device 3\n  add 0x4c000002 via 10.0.0.2 device 3',
    );
    const shrunk = planned([{ ...direct, members: { '10.0.0.1': 1 } }], after(first), { surroundings });
    expect(describeSteps(shrunk.steps.slice(-1))).toBe('routes\n  remove 0x4c000002');
  });

  it('L4-58: on the link, a packet leaves with the MAC addresses of its way', () => {
    const hop = {
      device: 'eth1',
      deviceIndex: 3,
      deviceMac: '02:00:00:00:00:01',
      mac: '02:00:00:00:00:02',
      onLink: true,
    };
    const surroundings = { devices: ['eth0', 'eth1'], hops: new Map([['10.0.0.1', { ...hop, gateway: '10.0.0.1' }]]) };
    const direct: ServiceOptions = { ...WEB, dataPath: 'dsr-l2', memberPort: 80, members: { '10.0.0.1': 1 } };
    expect(describeSteps(planned([direct], EMPTY, { surroundings }).steps)).toMatchInlineSnapshot(`
      "nft -f -
        add table netdev lb { comment "Higgins Bus balancer"; }
        add map netdev lb s.web.slots.251.0 { typeof numgen inc mod 251 : meta mark; size 502; }
      batch for netdev, whatever the generation
        add s.web.slots.251.0 251 elements
      nft -f -
        add table inet lb { comment "Higgins Bus balancer"; }
        create set inet lb structure { type mark . mark; }
        add set inet lb readback { type mark . mark; }
        add chain inet lb refuse
        add chain inet lb dsr.input { type filter hook input priority 0; policy accept; }
        add chain inet lb dsr.answers
        add table netdev lb { comment "Higgins Bus balancer"; }
        add counter netdev lb s.web.none
        add counter netdev lb m.web.f504734412.sent
        add counter netdev lb m.web.f504734412.flows
        add map netdev lb s.web.members { type mark : verdict; }
        add map netdev lb dsr.ingress.m100.e8e926e8.v4 { type ipv4_addr . inet_proto . inet_service : verdict; }
        add chain netdev lb refuse
        add chain netdev lb s.web
        add chain netdev lb m.web.f504734412
        add chain netdev lb dsr.ingress.m100.e8e926e8 { type filter hook ingress devices = { "eth0", "eth1" } priority -100; policy accept; }
        add chain netdev lb s.web.errors
        add rule inet lb refuse meta l4proto tcp reject with tcp reset
        add rule inet lb refuse reject
        add rule inet lb dsr.input meta l4proto { tcp, udp } th dport 61000-65095 goto dsr.answers
        add rule inet lb dsr.answers ip saddr { 192.0.2.1 } tcp sport 80 drop
        add element netdev lb s.web.members { 0x4c000001 : goto m.web.f504734412 }
        add element netdev lb dsr.ingress.m100.e8e926e8.v4 { 192.0.2.1 . tcp . 80 : goto s.web }
        add rule netdev lb refuse meta l4proto tcp reject with tcp reset
        add rule netdev lb refuse reject
        add rule netdev lb s.web meta mark set jhash ip saddr . ip daddr . meta l4proto . th sport . th dport mod 251 seed 0x5eed0001 map @s.web.slots.251.0
        add rule netdev lb s.web meta mark vmap @s.web.members
        add rule netdev lb s.web counter name "s.web.none" goto refuse
        add rule netdev lb m.web.f504734412 tcp flags & (fin | syn | rst | ack) == syn counter name "m.web.f504734412.flows"
        add rule netdev lb m.web.f504734412 counter name "m.web.f504734412.sent" ether saddr set 02:00:00:00:00:01 ether daddr set 02:00:00:00:00:02 fwd to "eth1"
        add rule netdev lb dsr.ingress.m100.e8e926e8 ip daddr . meta l4proto . th dport vmap @dsr.ingress.m100.e8e926e8.v4
        add rule netdev lb dsr.ingress.m100.e8e926e8 ip daddr { 192.0.2.1 } icmp type { destination-unreachable, time-exceeded, parameter-problem } @th,136,8 6 @th,224,16 80 goto s.web.errors
        add rule netdev lb s.web.errors meta mark set jhash @th,192,32 . @th,160,32 . @th,136,8 . @th,240,16 . @th,224,16 mod 251 seed 0x5eed0001 map @s.web.slots.251.0
        add rule netdev lb s.web.errors meta mark vmap @s.web.members
        add element inet lb structure { 0x4cf25331 . 0x9a96b1fc }"
    `);
  });
});

function planned(
  services: readonly ServiceOptions[],
  actual: ActualBalancer,
  options: { batchBytesMax?: number; surroundings?: Surroundings } = {},
): Plan {
  const defaults = { table: 'lb', batchBytesMax: 1 << 20, surroundings: NO_SURROUNDINGS };
  return planBalancer({ services: services.map(serviceOf) }, actual, { ...defaults, ...options });
}

/** What is there once a plan is carried out by this process. */
function after({ ruleset, digest, numbering, routes, contents }: Plan): ActualBalancer {
  const existing = new Map<TableFamily, ExistingTable>();
  const referenced = new Set<string>();
  for (const [family, { chains, sets, objects }] of ruleset) {
    const kinds = new Map([...sets].map(([name, { kind }]) => [name, kind]));
    existing.set(family, {
      chains: new Set(chains.keys()),
      sets: kinds,
      objects: new Map([...objects].map(([name, { kind }]) => [name, kind])),
    });
    for (const name of sets.keys()) referenced.add(setKey(family, name));
  }
  const members = [...numbering.values()].flatMap((all) => [...all.values()]);
  const marks = new Map(members.map(({ chain, mark }) => [chain, mark]));
  return { ...EMPTY, existing, referenced, marks, routes, contents, ruleset, structure: digest };
}
