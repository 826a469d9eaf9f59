// One class of characters and one repetition at a time, so that matching takes linear time.
const PATH = /^(?:\/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*)*$/;
const QUERY = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*$/;
const USER_INFO = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:]|%[0-9A-Fa-f]{2})*$/;
const REGISTERED_NAME = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*$/;
const IP_LITERAL = /^\[[A-Za-z0-9\-._~!$&'()*+,;=:]+\]$/;
const PORT = /^[0-9]*$/;

/** Whether `text` is `path-abempty`, with `?` and `query` behind it or not (RFC 3986 §3.3, §3.4). */
export function isPathAndQuery(text: string): boolean {
  const mark = text.indexOf('?');
  if (mark < 0) return PATH.test(text);
  return PATH.test(text.slice(0, mark)) && QUERY.test(text.slice(mark + 1));
}

/** Whether `text` is an `authority` with a host (RFC 3986 §3.2); the address inside brackets is not judged. */
export function isAuthority(text: string): boolean {
  const at = text.lastIndexOf('@');
  if (at >= 0 && !USER_INFO.test(text.slice(0, at))) return false;
  const hostAndPort = text.slice(at + 1);
  const colon = hostAndPort.indexOf(':', hostAndPort.lastIndexOf(']') + 1);
  const host = colon < 0 ? hostAndPort : hostAndPort.slice(0, colon);
  const port = colon < 0 ? '' : hostAndPort.slice(colon + 1);
  return host.length > 0 && PORT.test(port) && (IP_LITERAL.test(host) || REGISTERED_NAME.test(host));
}
