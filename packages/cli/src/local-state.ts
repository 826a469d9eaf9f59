import { request } from 'node:http';
import type { ListReport } from '@higgins/agent';
import { preciseWallMs } from './wall-clock.js';

/** What an agent says of its lists on its local socket. */
export async function listsOfAgent(socketPath: string): Promise<readonly ListReport[]> {
  const body = await new Promise<string>((resolve, reject) => {
    const sent = request({ socketPath, path: '/lists', timeout: 2_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    });
    sent.on('error', reject);
    sent.on('timeout', () => sent.destroy(new Error('the agent did not answer within 2 s')));
    sent.end();
  });
  return (JSON.parse(body) as { lists: ListReport[] }).lists;
}

/** When each list's time is up (wall clock, ms), by track. */
export async function deadlinesOfAgent(socketPath: string): Promise<Map<string, number>> {
  const asked = preciseWallMs();
  const lists = await listsOfAgent(socketPath);
  const at = (asked + preciseWallMs()) / 2;
  return new Map(lists.map(({ track, remainingMs }) => [track, at + (remainingMs ?? Number.NaN)]));
}
