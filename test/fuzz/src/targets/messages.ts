import { EncodeError, encodeMessage, type Message, MessageStreamParser, MOQT_18 } from '@higgins/protocol';
import { PLACES, placeOf } from '@higgins/vectors';
import { drawMessage } from '../generate/messages.js';
import { join, mutateMessage } from '../generate/mutate.js';
import { decoderTarget, type Format } from './decoder.js';

const NAMES = [...PLACES.keys()];

const format: Format = {
  name: 'messages',
  draw(random) {
    const mode = random.pick(NAMES);
    const context = placeOf(mode);
    const kinds = [...context.allowed];
    const messages = Array.from({ length: random.between(1, 4) }, () =>
      encodeMessage(MOQT_18, drawMessage(random, random.pick(kinds), context), context),
    );
    const changed = !random.oneIn(3);
    const at = messages.length > 1 ? random.between(1, messages.length - 1) : 0;
    if (changed) messages[at] = mutateMessage(random, messages[at]!);
    return { mode, bytes: join(messages), changed };
  },
  decode(mode, pieces, take) {
    const context = placeOf(mode);
    const parser = new MessageStreamParser(MOQT_18);
    const drain = (): void => {
      for (let message = parser.next(context); message !== null; message = parser.next(context)) take(message);
    };
    for (const piece of pieces) {
      parser.push(piece, false);
      drain();
    }
    parser.push(new Uint8Array(0), true);
    drain();
  },
  encode(mode, items) {
    const context = placeOf(mode);
    try {
      return join((items as Message[]).map((message) => encodeMessage(MOQT_18, message, context)));
    } catch (error) {
      // Repaired text is longer than what came and may not fit any more.
      if (error instanceof EncodeError && /expected at most/.test(error.message)) return null;
      throw error;
    }
  },
};

/** Control and request streams: every message in every place. */
export const messages = decoderTarget(format);
