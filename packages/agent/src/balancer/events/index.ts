export { describeEvent, EVENT_KINDS, type EventKind } from './describe.js';
export { type WebhookConfig, webhookSchema, webhooksSchema } from './webhook-config.js';
export { addWebhookMetrics } from './webhook-metrics.js';
export type { WebhookCounters } from './webhook-queue.js';
export { type WebhookStatus, Webhooks, type WebhooksOptions } from './webhooks.js';
