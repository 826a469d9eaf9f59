import { type BalancerConfiguration, pathText, ResourceError, type ResourceProblem } from '@higgins/balancing';
import { frontEndOf, type GatewayOptions, readDocuments } from '@higgins/balancing/front-ends';
import { type ConfigDocument, ConfigError, type ConfigProblem, loadDocuments, parseDocuments } from '@higgins/service';

/** What a file is read with. */
export interface ConfigurationFileOptions extends GatewayOptions {
  /** EndpointSlices and Services from elsewhere, beside the documents of a Gateway API file; other forms know none. */
  readonly endpoints?: readonly unknown[];
}

/** A configuration that was read from a file, whichever form it is written in. */
export interface ConfigurationFile {
  readonly configuration: BalancerConfiguration;
  /** Worth knowing, with lines: settings that change nothing, for instance. */
  readonly notes: readonly ConfigProblem[];
}

/**
 * Reads a YAML file in any form: Lobby's (`lb`), Gateway API documents (`apiVersion`, `kind`) or the core's own
 * (`loadBalancers`). Nothing but the file is touched.
 *
 * @throws ConfigError naming every problem with its line, path, value and what was expected
 */
export function loadConfigurationFile(path: string, options: ConfigurationFileOptions = {}): ConfigurationFile {
  return translate(loadDocuments(path), path, options);
}

/** As `loadConfigurationFile`, from text; `source` is the name that errors carry. */
export function parseConfigurationFile(
  text: string,
  source: string,
  options: ConfigurationFileOptions = {},
): ConfigurationFile {
  return translate(parseDocuments(text, source), source, options);
}

function translate(
  documents: readonly ConfigDocument[],
  source: string,
  options: ConfigurationFileOptions,
): ConfigurationFile {
  const locate = ({ document, path, message }: ResourceProblem): ConfigProblem => ({
    path: pathText(path),
    line: documents[document]?.lineOf(path) ?? null,
    message,
  });
  try {
    const own = documents.map(({ value }) => value);
    const values = frontEndOf(own) === 'gateway-api' ? [...own, ...(options.endpoints ?? [])] : own;
    const { configuration, notes } = readDocuments(values, options);
    return { configuration, notes: notes.map(locate) };
  } catch (error) {
    if (!(error instanceof ResourceError)) throw error;
    const problems = error.problems.map(locate).sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
    throw new ConfigError(source, problems, { cause: error });
  }
}
