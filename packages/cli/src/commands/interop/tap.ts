import type { CaseReport } from './run.js';

/** The lines in front of the first test point (TAP version 14). */
export function tapHeader(comments: readonly string[], count: number): string {
  return ['TAP version 14', ...comments.map(tapComment), `1..${count}`].join('\n');
}

/** A line that is for people only. */
export function tapComment(text: string): string {
  return `# ${text.replace(/\s+/g, ' ')}`;
}

/** One test point with its diagnostics as a YAML block. `number` counts from 1. */
export function tapPoint(number: number, report: CaseReport): string {
  const { failure, sessions } = report;
  const roles = Object.entries(sessions).flatMap(([role, { moqtVersion, transport }]) => [
    `    ${role}:`,
    `      moqt_version: ${scalar(moqtVersion)}`,
    `      transport: ${scalar(transport)}`,
    `      ${transport === 'quic' ? 'alpn' : 'webtransport_protocol'}: ${scalar(moqtVersion)}`,
  ]);
  return [
    `${report.passed ? 'ok' : 'not ok'} ${number} - ${report.name}`,
    '  ---',
    `  duration_ms: ${report.durationMs}`,
    ...(roles.length === 0 ? [] : ['  sessions:', ...roles]),
    ...(failure === undefined ? [] : Object.entries(failure).map(([key, text]) => `  ${key}: ${scalar(text)}`)),
    '  ...',
  ].join('\n');
}

// A JSON string is a YAML scalar in double quotes, and keeps whatever a peer sent within them.
function scalar(text: string): string {
  return JSON.stringify(text);
}
