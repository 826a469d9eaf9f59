import { headerOf, matchOf } from './dispatch.js';
import type { DesiredService } from './model.js';
import type { RulesetBuilder } from './ruleset.js';

/** Behind connection tracking, before destination translation: the copy has the address that the client asked for. */
const PRIORITY = -150;

/** Sends a copy of every packet towards a service elsewhere. The kernel does so in tables of one family only. */
export function addMirrors(builder: RulesetBuilder, services: readonly DesiredService[]): void {
  for (const service of services) {
    if (service.mirror === null) continue;
    const table = builder.table(headerOf(service.family));
    const chain = table.chain('mirror', `type filter hook prerouting priority ${PRIORITY}; policy accept;`);
    table.rule(chain, `${matchOf(service, true)} dup to ${service.mirror}`);
  }
}
