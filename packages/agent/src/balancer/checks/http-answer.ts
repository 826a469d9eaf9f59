import { HTTP_HEAD_BYTES_MAX } from './limits.js';

/** The answer is not HTTP/1, or its head has no end. */
export class HttpAnswerError extends Error {
  override readonly name = 'HttpAnswerError';
  readonly code = 'http-answer';
}

const STATUS_LINE = /^HTTP\/1\.[01] ([1-9]\d\d)(?: |$)/;
const SHOWN_CHARACTERS_MAX = 60;

/** Reads the status of an HTTP/1 answer (RFC 9112) from its bytes, however they are split; interim answers are skipped. */
export class HttpAnswer {
  #head = '';
  #bytes = 0;

  /**
   * Takes the next bytes. Returns the status once the head of the final answer is complete, else null.
   *
   * @throws HttpAnswerError
   */
  push(bytes: Uint8Array): number | null {
    const room = HTTP_HEAD_BYTES_MAX - this.#bytes;
    const taken = bytes.subarray(0, room);
    this.#bytes += taken.length;
    this.#head += Buffer.from(taken.buffer, taken.byteOffset, taken.length).toString('latin1');
    for (;;) {
      const status = this.#statusOfFirst();
      if (status === null && taken.length < bytes.length) {
        throw new HttpAnswerError(`the answer's head has more than ${HTTP_HEAD_BYTES_MAX} bytes`);
      }
      if (status === null || status >= 200 || status === 101) return status;
    }
  }

  /** The status of the first complete head, which is taken off. */
  #statusOfFirst(): number | null {
    const lineEnd = this.#head.indexOf('\n');
    if (lineEnd < 0) {
      // What can no longer become a status line is not waited for.
      if (!'HTTP/1.'.startsWith(this.#head.slice(0, 7))) throw notHttp(this.#head);
      return null;
    }
    const line = this.#head.slice(0, lineEnd).replace(/\r$/, '');
    const status = STATUS_LINE.exec(line)?.[1];
    if (status === undefined) throw notHttp(line);
    const end = /\n\r?\n/.exec(this.#head);
    if (end === null) return null;
    this.#head = this.#head.slice(end.index + end[0].length);
    return Number(status);
  }
}

function notHttp(text: string): HttpAnswerError {
  return new HttpAnswerError(`the answer starts with "${text.slice(0, SHOWN_CHARACTERS_MAX)}", expected HTTP/1.1`);
}
