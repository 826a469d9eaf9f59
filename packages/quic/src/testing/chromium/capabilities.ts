import type { ComplianceCapabilities } from '@higgins/transport/compliance';

/** What can be asked of a browser with the native transport as its server. */
export const CHROMIUM_CAPABILITIES: ComplianceCapabilities = {
  listen: true,
  mutualTls: false,
  insecure: false,
  failureCauses: false,
  wideResetCodes: false,
  priorityChanges: false,
  datagrams: true,
  silence: false,
  serverLimits: true,
  limits: false,
};
