import { REASON_CHARACTERS_MAX } from './limits.js';

/** What people call the errors that a member's machine or the way to it can cause. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed by the member',
  EHOSTUNREACH: 'host unreachable',
  EHOSTDOWN: 'host down',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'no answer to the connection attempt',
  EACCES: 'refused by a firewall',
  EPERM: 'refused by a firewall of this node',
};

/** Errors of the node itself, which say nothing of the member. */
const OF_THE_NODE = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EADDRINUSE', 'EAGAIN']);

const SYSTEM_CODE = /^[A-Z]/;

/** One line of text for people, of anything: control characters are escaped, at most 200 characters. */
export function printableReason(text: string): string {
  const bounded = text.length <= REASON_CHARACTERS_MAX ? text : text.slice(0, REASON_CHARACTERS_MAX);
  const line = bounded.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
  return line.length <= REASON_CHARACTERS_MAX && bounded === text
    ? line
    : `${line.slice(0, REASON_CHARACTERS_MAX - 1).toWellFormed()}…`;
}

/** What an error says, with its code if the system or Node has one for it. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error);
  const words = code === null ? undefined : WORDS[code];
  if (words !== undefined) return `${words} (${code})`;
  const message = error instanceof Error && error.message !== '' ? error.message : String(error);
  return printableReason(code === null || message.includes(code) ? message : `${message} (${code})`);
}

/** Whether the node lacked what a check needs, so that it was not carried out. */
export function isOfTheNode(error: unknown): boolean {
  const code = codeOf(error);
  return code !== null && OF_THE_NODE.has(code);
}

function codeOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null;
  return SYSTEM_CODE.test(error.code) ? error.code : null;
}
