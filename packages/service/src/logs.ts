import { destination, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/** Severity from which lines are written. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Values under these keys never reach a log line, wherever in the record they stand. */
const SECRET_KEYS = ['privateKeyPem', 'token', 'authorization', 'password'];

/**
 * A structured logger: one JSON object per line on standard error, with `time` in ISO 8601 and the level as a word.
 *
 * Secrets are replaced by `[secret]`, up to two levels deep. Lines are written synchronously, so that none is lost on exit.
 */
export function createLogger(name: string, level: LogLevel = 'info'): Logger {
  return pino(
    {
      name,
      level,
      base: { name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]),
        censor: '[secret]',
      },
    },
    destination({ dest: 2, sync: true }),
  );
}
