/** Recorded traces; typing that is made up where there are none. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** The patches of a sequential trace in UTF-16 units, and the text at the end. */
export function readTrace(file) {
  if (!file || file === "-") return typed(20_000);
  const { txns, endContent } = JSON.parse(gunzipSync(readFileSync(file)).toString());
  const patches = txns.flatMap((txn) => txn.patches);
  if (patches.some(([, , inserted]) => /[^\0-\uffff]|[\ud800-\udfff]/.test(inserted))) {
    throw new Error("a trace with characters of two UTF-16 units is not supported here");
  }
  return { patches, end: endContent };
}

/** Words at a place, some of it taken back, then another place. */
function typed(edits) {
  let state = 1;
  const below = (limit) => (state = (state * 48_271) % 2_147_483_647) % limit;
  const patches = [];
  let text = "";
  let cursor = 0;
  while (patches.length < edits) {
    if (below(30) === 0) cursor = below(text.length + 1);
    const deleted = cursor > 0 && below(5) === 0 ? 1 : 0;
    cursor -= deleted;
    const inserted = deleted ? "" : String.fromCharCode(97 + below(26));
    patches.push([cursor, deleted, inserted]);
    text = text.slice(0, cursor) + inserted + text.slice(cursor + deleted);
    cursor += inserted.length;
  }
  return { patches, end: text };
}
