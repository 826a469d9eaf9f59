/** Where an agent or a balancer tells its operator what happens; a logger of `@higgins/service` is one. */
export interface Log {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}
