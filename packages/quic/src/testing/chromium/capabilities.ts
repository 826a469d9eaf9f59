import type { ComplianceCapabilities } from '@higgins/transport/compliance';

/** What can be asked of a browser with the native transport as its server. */
export const CHROMIUM_CAPABILITIES: ComplianceCapabilities = {
  listen: true,
  mutualTls: false,
  insecure: false,
  failureCauses: false,
  wideResetCodes: false,
  datagrams: true,
  silence: false,
  limits: false,
};
