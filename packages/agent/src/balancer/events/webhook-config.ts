import { z } from 'zod';
import { EVENT_KINDS } from './describe.js';
import { HEADER_CHARACTERS_MAX, HEADERS_MAX, WEBHOOKS_MAX } from './limits.js';

/** Set by the request itself. */
const OWN_HEADERS = ['connection', 'content-length', 'content-type', 'host', 'transfer-encoding'];

const headerName = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/, 'expected a header name')
  .refine((name) => !OWN_HEADERS.includes(name.toLowerCase()), 'expected none of the headers of the request itself');

const headerValue = z
  .string()
  .max(HEADER_CHARACTERS_MAX, `expected at most ${HEADER_CHARACTERS_MAX} characters`)
  .regex(/^[\t\x20-\x7e]*$/, 'expected printable ASCII');

const headers = z
  .record(headerName, headerValue)
  .refine((all) => Object.keys(all).length <= HEADERS_MAX, `expected at most ${HEADERS_MAX} headers`);

/** One receiver of events, as a configuration has it. */
export const webhookSchema = z.strictObject({
  /** In logs and metrics, where the URL may hold a secret; default: the URL's host. */
  name: z.string().min(1).max(64).optional(),
  url: z.url({ protocol: /^https?$/, error: 'expected a URL with http or https' }).max(2_048),
  /** Sent with each request; may hold secrets, and is never logged. */
  headers: headers.default({}),
  /** Kinds of events that are sent; absent: all. */
  kinds: z.array(z.enum(EVENT_KINDS)).min(1).optional(),
  /** Events of a lower severity are not sent. */
  severity: z.enum(['info', 'warning', 'critical']).default('info'),
  /** For one request, 100 to 30,000. */
  timeoutMs: z.int().min(100).max(30_000).default(5_000),
});

/** All receivers of a node; names differ. */
export const webhooksSchema = z
  .array(webhookSchema)
  .max(WEBHOOKS_MAX, `expected at most ${WEBHOOKS_MAX} webhooks`)
  .refine((all) => new Set(all.map(webhookName)).size === all.length, 'expected names that differ');

/** One receiver of events, checked and with its defaults. */
export type WebhookConfig = z.output<typeof webhookSchema>;

/** What logs and metrics call a receiver. */
export function webhookName(webhook: Pick<WebhookConfig, 'name' | 'url'>): string {
  return webhook.name ?? (URL.canParse(webhook.url) ? new URL(webhook.url).host : '');
}
