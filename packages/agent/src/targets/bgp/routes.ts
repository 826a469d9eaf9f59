import { formatPrefix, type Prefix } from '@higgins/ipdata';

/** A prefix that is announced, with its communities: `asn:value` (RFC 1997) or `asn:a:b` (RFC 8092). */
export interface AnnouncedRoute {
  readonly prefix: Prefix;
  readonly communities: readonly string[];
}

/** Names of the static protocols that hold the routes; export filters of BIRD's configuration select by them. */
export const PROTOCOLS = { 4: 'higgins4', 6: 'higgins6' } as const;

/**
 * The routes as a part of BIRD's configuration (BIRD 2): one static protocol per address family, there even when it has
 * no route, so that filters may name it. The same routes give the same text, whatever their order.
 */
export function renderRoutes(routes: readonly AnnouncedRoute[]): string {
  const lines = (['4', '6'] as const).flatMap((key) => {
    const family = Number(key) as 4 | 6;
    const own = routes.filter(({ prefix }) => prefix.family === family).map(renderRoute);
    return [`protocol static ${PROTOCOLS[family]} {`, `\tipv${family};`, ...new Set(own.sort()), '}'];
  });
  return ['# Written by higgins, which replaces it as services come and go.', ...lines, ''].join('\n');
}

/** A route of BIRD's that stands for the service's address; packets never take it, since services are met before. */
function renderRoute({ prefix, communities }: AnnouncedRoute): string {
  const route = `\troute ${prefixText(prefix)} blackhole`;
  if (communities.length === 0) return `${route};`;
  return `${route} { ${communities.map(renderCommunity).join(' ')} };`;
}

function renderCommunity(community: string): string {
  const parts = community.split(':').map(Number);
  const fits = parts.length === 2 ? parts.every((part) => part <= 0xffff) : parts.length === 3;
  const whole = parts.every((part) => Number.isInteger(part) && part >= 0 && part <= 0xffff_ffff);
  if (!fits || !whole) {
    throw new RangeError(`community "${community}": expected asn:value up to 65535 each, or asn:a:b of 32 bits each`);
  }
  const kind = parts.length === 2 ? 'bgp_community' : 'bgp_large_community';
  return `${kind}.add((${parts.join(', ')}));`;
}

function prefixText(prefix: Prefix): string {
  const text = formatPrefix(prefix);
  return text.includes('/') ? text : `${text}/${prefix.length}`;
}
