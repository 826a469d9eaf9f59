import type { TestIdentity } from '../support/identity.js';
import { Program } from '../support/program.js';

/** A `moq-relay` on a free port, which lets in everyone. Disposing it ends it. */
export class MoqRelay implements AsyncDisposable {
  readonly port: number;
  readonly #program: Program;

  private constructor(program: Program, port: number) {
    this.#program = program;
    this.port = port;
  }

  /** `upstream`: the URL of a relay that it joins at draft-18, in both directions; none if absent. */
  static async start(path: string, identity: TestIdentity, upstream?: string): Promise<MoqRelay> {
    const { certificateFile, privateKeyFile, authoritiesFile } = identity;
    const above = ['--connect-tls-root', authoritiesFile, '--connect-version', 'moq-transport-18'];
    const program = Program.start(
      path,
      [
        ...['--listen', '127.0.0.1:0', '--auth-public', '**'],
        ...['--listen-tls-cert', certificateFile, '--listen-tls-key', privateKeyFile],
        ...(upstream === undefined ? [] : [...above, '--cluster-connect', upstream]),
      ],
      { RUST_LOG: 'info', NO_COLOR: '1' },
    );
    const line = await program.line(/listening.*127\.0\.0\.1:\d+/);
    return new MoqRelay(program, Number(/127\.0\.0\.1:(\d+)/.exec(line)?.[1]));
  }

  /** What it logged. */
  get output(): string {
    return this.#program.output;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#program[Symbol.asyncDispose]();
  }
}
