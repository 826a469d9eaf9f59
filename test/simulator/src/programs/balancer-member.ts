import type { Identity, Listener } from '@higgins/transport';
import type { ProcessContext, Program } from '../frame/node.js';

/** Where members listen, and what they speak. */
export const MEMBER_PORT = 8080;
export const MEMBER_PROTOCOL = 'member';

/** The service on a member's machine: it takes connections, or refuses them although its machine is well. */
export class MemberService {
  readonly #identity: Identity;
  #serving = true;
  #process: { readonly context: ProcessContext; listener: Listener | null } | null = null;

  constructor(identity: Identity) {
    this.#identity = identity;
  }

  /** Whether it takes connections while its process runs. */
  get serving(): boolean {
    return this.#serving;
  }

  /** Has it take connections from now on, or refuse them. */
  set serving(serving: boolean) {
    if (serving === this.#serving) return;
    this.#serving = serving;
    this.#process?.context.runtime.enter(() => void this.#follow());
  }

  get program(): Program {
    return async (context) => {
      this.#process = { context, listener: null };
      await this.#follow();
    };
  }

  async #follow(): Promise<void> {
    const process = this.#process;
    if (process === null) return;
    if (!this.#serving) {
      await process.listener?.close();
      process.listener = null;
      return;
    }
    const { node, transport } = process.context;
    process.listener ??= await transport.listen({
      host: node.name,
      port: MEMBER_PORT,
      identity: this.#identity,
      protocols: [MEMBER_PROTOCOL],
      // Whoever checks, closes.
      accept() {},
    });
  }
}
