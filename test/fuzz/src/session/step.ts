import type { StreamKey } from '@higgins/protocol';

/** One thing that happens to a session under test, in a form that a file can keep. */
export type Step =
  | { readonly do: 'open'; readonly stream: StreamKey; readonly bidirectional: boolean }
  | { readonly do: 'data'; readonly stream: StreamKey; readonly hex: string; readonly fin: boolean }
  | { readonly do: 'reset'; readonly stream: StreamKey; readonly code: number }
  | { readonly do: 'stop-sending'; readonly stream: StreamKey; readonly code: number }
  | { readonly do: 'datagram'; readonly hex: string }
  | { readonly do: 'advance'; readonly ms: number }
  /** What the application does; `a` and `b` choose among what it may do at that point. */
  | { readonly do: 'command'; readonly command: Command; readonly a: number; readonly b: number };

/** Commands of the application, by what they are for. */
export const COMMANDS = [
  ...(['subscribe', 'fetch', 'join', 'announce', 'status', 'update', 'cancel'] as const),
  ...(['publish', 'publish', 'ask-namespaces', 'ask-tracks', 'tell-namespace', 'untell-namespace', 'block'] as const),
  ...(['accept', 'accept', 'accept', 'refuse', 'accept-update', 'refuse-update', 'done', 'abort'] as const),
  ...(['open-data', 'open-data', 'write', 'write', 'end-data', 'reset-data', 'goaway'] as const),
] as const;

export type Command = (typeof COMMANDS)[number];

/** What the session under test is. */
export interface SessionSetting {
  readonly role: 'client' | 'server';
  readonly overWebTransport: boolean;
}
