import type { Checker, CheckOrder, CheckResult } from '@higgins/agent/portable';
import type { ProcessContext } from '../frame/node.js';
import { MEMBER_PROTOCOL } from './balancer-member.js';

/** Carries out checks over the simulated network: a member is well that takes a connection in time. */
export class VirtualChecker implements Checker {
  readonly #context: Pick<ProcessContext, 'runtime' | 'transport'>;
  readonly #hosts: ReadonlyMap<string, string>;

  /** `hosts`: the node that has an address. */
  constructor(context: Pick<ProcessContext, 'runtime' | 'transport'>, hosts: ReadonlyMap<string, string>) {
    this.#context = context;
    this.#hosts = hosts;
  }

  async run({ address, port, check }: CheckOrder, signal: AbortSignal): Promise<CheckResult> {
    const { runtime, transport } = this.#context;
    const startedBootMs = runtime.bootMs();
    const late = new AbortController();
    const timer = runtime.at(startedBootMs + check.timeoutMs, () => late.abort());
    const result = (reason: string | null) => {
      timer[Symbol.dispose]();
      return { ok: reason === null, latencyMs: runtime.bootMs() - startedBootMs, reason };
    };
    try {
      const connection = await transport.connect({
        url: `moqt://${this.#hosts.get(address)}:${port}`,
        protocols: [MEMBER_PROTOCOL],
        insecure: true,
        signal: late.signal,
      });
      connection.close(0, '');
      return result(null);
    } catch (error) {
      signal.throwIfAborted();
      return result(late.signal.aborted ? `no answer within ${check.timeoutMs} ms` : String(error));
    }
  }
}
