import { expect, it } from 'vitest';
import { webhookSchema, webhooksSchema } from './webhook-config.js';

it('LOB-62: fills in defaults', () => {
  expect(webhookSchema.parse({ url: 'https://alerts.example/hook' })).toEqual({
    url: 'https://alerts.example/hook',
    headers: {},
    severity: 'info',
    timeoutMs: 5_000,
  });
});

it.each([
  [{}, 'url'],
  [{ url: 'ftp://alerts.example' }, 'url'],
  [{ url: 'alerts.example' }, 'url'],
  [{ url: 'http://a.example', timeoutMs: 99 }, 'timeoutMs'],
  [{ url: 'http://a.example', severity: 'fatal' }, 'severity'],
  [{ url: 'http://a.example', kinds: [] }, 'kinds'],
  [{ url: 'http://a.example', kinds: ['member', 'nothing'] }, 'kinds.1'],
  [{ url: 'http://a.example', headers: { 'X-A': 'a\r\nX-B: b' } }, 'headers.X-A'],
  [{ url: 'http://a.example', headers: { 'X A': '1' } }, 'headers.X A'],
  [{ url: 'http://a.example', headers: { Host: 'b.example' } }, 'headers.Host'],
  [{ url: 'http://a.example', more: 1 }, ''],
])('refuses %j', (input, path) => {
  const { error } = webhookSchema.safeParse(input);
  expect(error?.issues.map((issue) => issue.path.join('.'))).toEqual([path]);
});

it('refuses two receivers of one name, and more than sixteen', () => {
  const url = 'https://alerts.example/a';
  expect(webhooksSchema.safeParse([{ url }, { url: `${url}b` }]).error?.issues[0]?.message).toBe(
    'expected names that differ',
  );
  expect(webhooksSchema.safeParse([{ url }, { url, name: 'other' }]).success).toBe(true);
  const many = Array.from({ length: 17 }, (_, index) => ({ url, name: `${index}` }));
  expect(webhooksSchema.safeParse(many).error?.issues[0]?.message).toBe('expected at most 16 webhooks');
});
