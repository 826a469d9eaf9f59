/** A case does not hold: what it wanted to see, and what came instead, both in words of the draft. */
export class CaseFailure extends Error {
  override readonly name = 'CaseFailure';
  readonly expected: string;
  readonly received: string;

  constructor(expected: string, received: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.expected = expected;
    this.received = received;
  }
}
