import { isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import type { CheckOrder } from '../core/contract.js';
import { trustedAuthorities } from './authorities.js';
import { type Attempt, checkedPort, failed, type Outcome, outcomeOf } from './probe.js';

/** Without the hybrid post-quantum groups: a check has nothing to hide, and they cost a quarter of its time. */
const CURVES = 'X25519:P-256:P-384:P-521';

/** What the handshake showed, whatever comes after it. */
export type Seen = Pick<Outcome, 'certificateEndsWallMs'>;

/** Opens TLS connections to members; all share one set of trusted authorities, which is read at the first of them. */
export class TlsClient {
  readonly #authorities: readonly string[] | null;
  #context: SecureContext | null = null;

  /** Trusted authorities in PEM; null: those that come with Node and those of the system. */
  constructor(authorities: readonly string[] | null) {
    this.#authorities = authorities;
  }

  /**
   * Connects, offers these application protocols, and calls `opened` once the member's certificate is accepted; failures go to `settle`. Sessions are never
   * resumed, so that each check sees the certificate.
   */
  connect(
    order: CheckOrder,
    protocols: readonly string[],
    settle: (outcome: Outcome) => void,
    opened: (socket: Socket, seen: Seen) => void,
  ): Attempt {
    const { verify, serverName } = order.check.tls ?? { verify: true, serverName: null };
    const name = (serverName ?? order.host).replace(/\.$/, '');
    this.#context ??= createSecureContext({ ca: [...(this.#authorities ?? trustedAuthorities())], ecdhCurve: CURVES });
    const socket = connect({
      host: order.address,
      port: checkedPort(order),
      secureContext: this.#context,
      // Addresses are verified, but not sent (RFC 6066, section 3).
      servername: isIP(name) === 0 ? name : '',
      ALPNProtocols: [...protocols],
      // Judged by `refusalOf`, so that a certificate that is refused is seen nevertheless.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    let isOpen = false;
    socket.once('secureConnect', () => {
      isOpen = true;
      const refusal = verify ? refusalOf(socket, name) : null;
      if (refusal === null) opened(socket, seenOn(socket));
      else settle({ ...failed(`certificate refused: ${refusal}`), ...seenOn(socket) });
    });
    socket.on('error', (error) => settle(outcomeOf(error)));
    // What is left of the handshake and its closure still leave, or the member would log an attack with each check.
    return { end: () => void (isOpen ? socket.destroySoon() : socket.destroy()) };
  }
}

/** Good once the handshake is done and, unless told otherwise, the certificate is valid for the member's name. */
export function tlsProbe(tls: TlsClient) {
  return (order: CheckOrder, settle: (outcome: Outcome) => void): Attempt =>
    tls.connect(order, [], settle, (_, seen) => settle({ failure: null, ...seen }));
}

/** What is wrong with a member's certificate: OpenSSL's code, or whom it is for instead; null if nothing is. */
function refusalOf(socket: TLSSocket, name: string): string | null {
  if (!socket.authorized) return String(socket.authorizationError);
  return checkServerIdentity(name, socket.getPeerCertificate())?.message ?? null;
}

function seenOn(socket: TLSSocket): Seen {
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? {} : { certificateEndsWallMs: certificate.validToDate.getTime() };
}
