import type { CloseInfo, ListenOptions, PeerInfo } from '@higgins/transport';
import type { ComplianceIdentities } from '@higgins/transport/compliance';

/** What the page asks of the process that runs the server; bytes go beside it. The answer is JSON. */
export type Call =
  | { readonly op: 'listen'; readonly listener: number; readonly options: Omit<ListenOptions, 'accept'> }
  | { readonly op: 'close-listener'; readonly listener: number }
  | { readonly op: 'close-transport' }
  /** Answered with the number of events that were told so far. */
  | { readonly op: 'count' }
  | { readonly op: 'listen-to'; readonly connection: number }
  | {
      readonly op: 'open';
      readonly connection: number;
      readonly bidirectional: boolean;
      readonly priority: number;
    }
  | { readonly op: 'write'; readonly connection: number; readonly stream: number; readonly fin: boolean }
  | { readonly op: 'reset'; readonly connection: number; readonly stream: number; readonly code: number }
  | { readonly op: 'stop-sending'; readonly connection: number; readonly stream: number; readonly code: number }
  | { readonly op: 'set-priority'; readonly connection: number; readonly stream: number; readonly priority: number }
  | { readonly op: 'datagram'; readonly connection: number }
  | { readonly op: 'backlog'; readonly connection: number }
  | { readonly op: 'notify-backlog'; readonly connection: number; readonly bytes: number }
  | { readonly op: 'close'; readonly connection: number; readonly code: number; readonly reason: string }
  | { readonly op: 'make-set'; readonly set: number }
  | { readonly op: 'set-add'; readonly set: number; readonly connection: number; readonly priority: number }
  | { readonly op: 'set-priority-of'; readonly set: number; readonly connection: number; readonly priority: number }
  | { readonly op: 'set-remove'; readonly set: number; readonly connection: number; readonly code: number | null }
  | {
      readonly op: 'set-open';
      readonly set: number;
      readonly group: number;
      readonly publisherPriority: number;
      readonly ifBacklogBelow: number;
    }
  | { readonly op: 'set-append'; readonly set: number; readonly group: number; readonly fin: boolean }
  | { readonly op: 'set-reset'; readonly set: number; readonly group: number; readonly code: number }
  | { readonly op: 'set-close'; readonly set: number };

/** What happened at the server, in order. Bytes are base64. */
export type RemoteEvent =
  | { readonly on: 'accepted'; readonly listener: number; readonly connection: number; readonly peer: PeerInfo }
  | {
      readonly on: 'opened';
      readonly connection: number;
      readonly stream: number;
      readonly bidirectional: boolean;
    }
  | {
      readonly on: 'data';
      readonly connection: number;
      readonly stream: number;
      readonly bytes: string;
      readonly fin: boolean;
    }
  | { readonly on: 'reset'; readonly connection: number; readonly stream: number; readonly code: number }
  | { readonly on: 'stop-sending'; readonly connection: number; readonly stream: number; readonly code: number }
  | { readonly on: 'datagram'; readonly connection: number; readonly bytes: string }
  | { readonly on: 'credit'; readonly connection: number; readonly bidirectional: boolean }
  | { readonly on: 'drained'; readonly connection: number }
  | { readonly on: 'closed'; readonly connection: number; readonly info: CloseInfo }
  | { readonly on: 'missed'; readonly set: number; readonly connection: number; readonly group: number }
  | { readonly on: 'set-drained'; readonly set: number; readonly connection: number };

/** What a run in the page needs to know. */
export interface PageSettings {
  readonly identities: ComplianceIdentities;
  /** SHA-256 of the server's certificate. */
  readonly hash: readonly number[];
  /** A UDP port at which nobody listens. */
  readonly deadPort: number;
}

/** An error of the transport on its way to the page. */
export interface RemoteFailure {
  readonly code: string;
  readonly message: string;
}
