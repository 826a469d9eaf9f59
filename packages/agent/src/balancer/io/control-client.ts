import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { reasonOf } from '../../reason.js';
import type { MemberName } from '../core/events.js';
import {
  type BalancerControl,
  type BalancerDiff,
  type BalancerStatus,
  ControlError,
  type ControlErrorCode,
  type DrainOptions,
  type EventNotice,
  type FlowExplanation,
  type FlowQuestion,
  type MemberSelector,
  type ReloadResult,
} from '../core/status.js';
import { ANSWER_BYTES_MAX } from './limits.js';

const CODES: readonly ControlErrorCode[] = ['not-found', 'invalid', 'refused', 'unavailable', 'failed'];

/** A balancer that another process runs, over its local socket. Every call rejects with a ControlError. */
export class ControlClient implements BalancerControl {
  readonly #path: string;

  /** `path`: of the socket. Nothing is connected before the first call. */
  constructor(path: string) {
    this.#path = path;
  }

  async status(): Promise<BalancerStatus> {
    return (await this.#call('/status')) as BalancerStatus;
  }

  async explain(flow: FlowQuestion): Promise<FlowExplanation> {
    return (await this.#call('/explain', flow)) as FlowExplanation;
  }

  async diff(): Promise<BalancerDiff> {
    return (await this.#call('/diff', { path: null })) as BalancerDiff;
  }

  async diffFile(path: string): Promise<BalancerDiff> {
    return (await this.#call('/diff', { path: resolve(path) })) as BalancerDiff;
  }

  async drain(selector: MemberSelector, options: DrainOptions = {}): Promise<readonly MemberName[]> {
    return (await this.#call('/drain', { selector, options })) as readonly MemberName[];
  }

  async undrain(selector: MemberSelector): Promise<readonly MemberName[]> {
    return (await this.#call('/undrain', selector)) as readonly MemberName[];
  }

  async flush(): Promise<void> {
    await this.#call('/flush');
  }

  async reload(): Promise<ReloadResult> {
    return (await this.#call('/reload')) as ReloadResult;
  }

  async *events(signal: AbortSignal): AsyncGenerator<EventNotice> {
    if (signal.aborted) return;
    const response = await this.#open('GET', '/events', undefined, signal);
    try {
      const lines = createInterface({ input: response });
      for await (const line of lines) yield JSON.parse(line) as EventNotice;
    } catch (error) {
      if (!signal.aborted) throw unavailable(this.#path, error);
    } finally {
      response.destroy();
    }
  }

  async #call(path: string, body?: unknown): Promise<unknown> {
    const response = await this.#open('POST', path, body);
    const answer = await jsonOf(response);
    if (response.statusCode === 200) return answer;
    const { code, message } = answer as { code?: unknown; message?: unknown };
    throw new ControlError(CODES.find((known) => known === code) ?? 'failed', String(message));
  }

  async #open(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<IncomingMessage> {
    const call = request({ socketPath: this.#path, method, path, ...(signal && { signal }) });
    call.end(body === undefined ? undefined : JSON.stringify(body));
    try {
      const [response] = (await once(call, 'response')) as [IncomingMessage];
      return response;
    } catch (error) {
      throw unavailable(this.#path, error);
    }
  }
}

async function jsonOf(response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new ControlError('failed', `the answer is above ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

function unavailable(path: string, cause: unknown): ControlError {
  const reason = reasonOf(cause);
  return new ControlError('unavailable', `no balancer answers at ${path}: ${reason}`, { cause });
}
