import { Counter, Gauge, type Registry } from 'prom-client';
import type { Webhooks } from './webhooks.js';

/** Adds what becomes of events on their way to receivers; the receivers' names are labels. */
export function addWebhookMetrics(registry: Registry, webhooks: Pick<Webhooks, 'status'>): void {
  new Counter({
    name: 'higgins_balancer_webhook_events_total',
    help: 'Events for a receiver by what became of them; retried ones count again later',
    labelNames: ['webhook', 'result'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { webhook, delivered, retried, failed, dropped } of webhooks.status) {
        for (const [result, count] of Object.entries({ delivered, retried, failed, dropped })) {
          this.inc({ webhook, result }, count);
        }
      }
    },
  });
  new Gauge({
    name: 'higgins_balancer_webhook_waiting',
    help: 'Events that wait for a receiver',
    labelNames: ['webhook'],
    registers: [registry],
    collect() {
      for (const { webhook, waiting } of webhooks.status) this.set({ webhook }, waiting);
    },
  });
}
