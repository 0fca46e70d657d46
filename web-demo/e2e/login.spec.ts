import type { NotesPage } from "./support/notes-page";
import { expect, pageAddress, test } from "./support/test";

test("who has no token works on alone, and logs in without a reload", async ({ openNotes, startRelay }) => {
  const relay = await startRelay({ guarded: true });
  const ada = await openNotes({ relay });
  await expect(ada.page.getByRole("alert")).toContainText("The relay asks for a login");
  await ada.newNote("Before the login");
  await ada.type("Written while nobody let me in.");
  await expect(ada.badge).toHaveText("Saved on this device");

  await logIn(ada, relay.token("ada", "*:write"));
  await expect(ada.badge).toHaveText("Saved on a relay");
  await expect(ada.page.getByRole("alert")).toBeHidden();
  await expect(ada.connection).toHaveText("Connected");

  // A reload comes back with the token, and so does a note that was not open before.
  await ada.page.reload();
  await expect(ada.connection).toHaveText("Connected");
  await ada.newNote("After the login");
  await ada.type("And on it goes.");
  await expect(ada.badge).toHaveText("Saved on a relay");

  const reader = await openNotes({ relay });
  await logIn(reader, relay.token("grace", "*:read"));
  await reader.openNote("Before the login");
  await reader.expectText("Written while nobody let me in.");
  await reader.type(" Not for Grace.");
  await expect(reader.page.getByRole("alert")).toContainText("does not let you change");
  await expect(reader.badge).toHaveText("Saved on this device");

  // Another token of hers, on the same connection: what she wrote is asked for.
  await logIn(reader, relay.token("grace", "*:write"));
  await ada.openNote("Before the login");
  await ada.expectText("Written while nobody let me in. Not for Grace.");
  await expect(reader.badge).toHaveText("Saved on a relay");
});

test("a relay that turns everybody away is asked less and less often", async ({ context, relay }) => {
  const dialled: number[] = [];
  const page = await context.newPage();
  await page.routeWebSocket(relay.url, (socket) => {
    dialled.push(Date.now());
    // It says something before it closes.
    socket.send(Buffer.of(255));
    void socket.close({ code: 4401 });
  });
  await page.goto(pageAddress(relay));
  await expect.poll(() => dialled.length).toBeGreaterThanOrEqual(5);
  // At least half of 250, 500, 1000 and 2000 ms.
  expect(dialled[4]! - dialled[0]!).toBeGreaterThanOrEqual(1_875);
});

async function logIn({ page }: NotesPage, token: string): Promise<void> {
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Log in" }).click();
}
