import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { largeTrace, smallTrace } from "./support/paths";
import { expect, test } from "./support/test";
import type { Cli } from "./support/cli";
import type { NotesPage } from "./support/notes-page";
import type { Relay } from "./support/relay";

test("a recorded session that is typed in a terminal arrives in the page", async ({ openNotes, relay, cli }) => {
  await replay(smallTrace("typing-session.json.gz"), await openNotes({ relay }), relay, [await cli(), await cli()]);
});

test("a paper of 260,000 edits that is typed in a terminal arrives in the page", async ({ openNotes, relay, cli }) => {
  const trace = largeTrace("automerge-paper.json.gz");
  test.skip(trace === null, "the recorded sessions are not here: set DRIFTWOOD_TRACES to the folder with automerge-paper.json.gz");
  test.setTimeout(180_000);
  await replay(trace!, await openNotes({ relay }), relay, [await cli(), await cli()], 50);
});

/** Types a recording into a note that the page has open; the page and a second terminal must end with its last text. */
async function replay(trace: string, notes: NotesPage, relay: Relay, clis: [Cli, Cli], batch = 1): Promise<void> {
  const [typist, reader] = clis;
  const { endContent } = JSON.parse(gunzipSync(await readFile(trace)).toString()) as { endContent: string };
  await typist.run("new", "novel", "--title", "Novel");
  await typist.run("sync", "--relay", relay.url);
  await notes.openNote("Novel");

  const typing = typist.run("replay", trace, "novel", "--relay", relay.url, "--batch", String(batch));
  // It is seen as it is typed, not only when all of it is there.
  await expect.poll(() => notes.text()).not.toBe("");
  await typing;
  await expect(async () => {
    // Compared with ===: a difference in a long text is better not printed.
    expect((await notes.copyText()) === endContent, "the page shows the last text").toBe(true);
  }).toPass({ timeout: 60_000 });
  await expect(notes.badge).toHaveText("Saved on a relay");

  await reader.run("sync", "--relay", relay.url, "novel");
  expect((await reader.run("show", "novel", "--body")) === endContent, "the second terminal shows it").toBe(true);
}
