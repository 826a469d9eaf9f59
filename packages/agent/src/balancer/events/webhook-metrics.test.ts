import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { addWebhookMetrics } from './webhook-metrics.js';

it('LOB-62, LOB-64: what receivers lost is visible, at each scrape as it is then', async () => {
  const registry = new Registry();
  const status = { webhook: 'alerts', waiting: 4, delivered: 3, retried: 2, failed: 1, dropped: 5 };
  addWebhookMetrics(registry, { status: [status] });
  for (let scrape = 0; scrape < 2; scrape++) {
    const text = await registry.metrics();
    expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
      'higgins_balancer_webhook_events_total{webhook="alerts",result="delivered"} 3',
      'higgins_balancer_webhook_events_total{webhook="alerts",result="retried"} 2',
      'higgins_balancer_webhook_events_total{webhook="alerts",result="failed"} 1',
      'higgins_balancer_webhook_events_total{webhook="alerts",result="dropped"} 5',
      'higgins_balancer_webhook_waiting{webhook="alerts"} 4',
    ]);
  }
});
