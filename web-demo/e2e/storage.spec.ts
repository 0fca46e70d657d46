import { expect, pageAddress, test } from "./support/test";

const QUOTA_BYTES = 12 * 1024 * 1024;

test("a full disk is said in words, and the badge never says saved", async ({ openNotes, context }) => {
  // The browser remembers for a while how much room there is, so the limit must be there from the start.
  const origin = new URL(process.env["DRIFTWOOD_PAGE_URL"]!).origin;
  const blank = await context.newPage();
  const devtools = await context.newCDPSession(blank);
  await devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: QUOTA_BYTES });

  const notes = await openNotes({ context });
  const { page } = notes;
  await notes.newNote("Too much");
  await notes.type("this fits. ");
  await expect(notes.badge).toHaveText("Saved on this device");
  await expect(page.locator("html")).toHaveAttribute("data-kept", "true");
  await page.evaluate(fillStorage, QUOTA_BYTES);

  await notes.type("this does not. ");
  await expect(page.getByRole("alert")).toContainText("no room left on this device");
  await expect(notes.badge).toHaveText(/^Storage problem: no room left/);
  const said = await page.evaluateHandle(watchBadge);
  await notes.type("nor does this. ");
  await notes.expectText("this fits. this does not. nor does this. ");
  expect(await said.evaluate((badges) => [...badges])).not.toContainEqual(expect.stringContaining("Saved"));

  // With room again everything is stored, and nothing was lost on the way.
  await devtools.send("Storage.overrideQuotaForOrigin", { origin });
  await expect(notes.badge).toHaveText("Saved on this device", { timeout: 30_000 });
  await expect(page.getByRole("alert")).toBeHidden();
  await page.reload();
  await notes.expectText("this fits. this does not. nor does this. ");
});

test("notes of a newer version are left alone, and it is said what to do", async ({ context }) => {
  const plain = await context.newPage();
  await plain.goto(`${process.env["DRIFTWOOD_PAGE_URL"]}icon.svg`);
  await plain.evaluate(
    () =>
      new Promise<void>((resolve, reject) => {
        const request = indexedDB.open("driftwood", 1_000);
        request.onsuccess = () => resolve(request.result.close());
        request.onerror = () => reject(request.error);
      }),
  );
  await plain.goto(pageAddress());
  await expect(plain.getByRole("alert")).toContainText("written by a newer version of this page");
  await expect(plain.getByRole("button", { name: "Reload" })).toBeVisible();
});

test("a browser that stores nothing is no place to be called saved", async ({ openNotes, relay, browser }) => {
  const context = await browser.newContext();
  await context.addInitScript(() => Object.defineProperty(globalThis, "indexedDB", { value: undefined }));
  const alone = await openNotes({ context });
  await alone.newNote("Written on water");
  await expect(alone.page.getByRole("alert")).toContainText("This browser keeps nothing for this page");
  await expect(alone.badge).toHaveText("Storage problem: nothing is kept");

  // A relay keeps it, and then it is right to say so.
  const shared = await openNotes({ context, relay });
  await shared.newNote("Written on a relay");
  await expect(shared.badge).toHaveText("Saved on a relay");
  await context.close();
});

test("a damaged record is left out and told; the rest is there", async ({ openNotes, context }) => {
  const before = await openNotes({ context });
  await before.newNote("Sound");
  await before.type("every word of it");
  await before.newNote("Damaged");
  await expect(before.badge).toHaveText("Saved on this device");
  const note = new URL(before.page.url()).hash.slice(1);
  await before.page.close();

  const plain = await context.newPage();
  await plain.goto(`${process.env["DRIFTWOOD_PAGE_URL"]}icon.svg`);
  expect(await plain.evaluate(damage, note), "some records were damaged").toBeGreaterThan(0);
  await plain.close();

  const after = await openNotes({ context });
  await expect(after.page.getByRole("alert")).toContainText("A damaged record was found on this device");
  await after.openNote("Sound");
  await after.expectText("every word of it");
  await after.page.getByRole("button", { name: "Dismiss" }).click();
  await expect(after.page.getByRole("alert")).toBeHidden();
});

/** Changes the last byte of every stored record of a document. */
async function damage(document: string): Promise<number> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open("driftwood");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  let damaged = 0;
  await new Promise<void>((resolve, reject) => {
    const transaction = database.transaction([...database.objectStoreNames], "readwrite");
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
    for (const name of database.objectStoreNames) {
      const records = transaction.objectStore(name);
      records.openCursor().onsuccess = ({ target }) => {
        const cursor = (target as IDBRequest<IDBCursorWithValue | null>).result;
        if (!cursor) return;
        const bytes: unknown = cursor.value;
        const ofDocument = JSON.stringify(cursor.key).includes(document);
        if (ofDocument && bytes instanceof Uint8Array && bytes.length > 0) {
          bytes[bytes.length - 1]! ^= 0xff;
          cursor.update(bytes);
          damaged += 1;
        }
        cursor.continue();
      };
    }
  });
  database.close();
  return damaged;
}

/** Uses up what room this site has left, down to the last few bytes. */
async function fillStorage(most: number): Promise<void> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open("ballast", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("ballast", { autoIncrement: true });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const put = (size: number): Promise<boolean> =>
    new Promise((resolve) => {
      const transaction = database.transaction("ballast", "readwrite", { durability: "strict" });
      // Random, so that compression gains nothing.
      const ballast = new Uint8Array(size);
      for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(ballast.subarray(at, at + 65_536));
      transaction.objectStore("ballast").put(ballast);
      transaction.oncomplete = () => resolve(true);
      transaction.onabort = () => resolve(false);
    });
  for (let size = most; size >= 1; size = Math.floor(size / 2)) while (await put(size)) continue;
  database.close();
}

/** Collects every text that the badge shows from now on. */
function watchBadge(): Set<string> {
  const badge = document.querySelector("[aria-label='Saved where']")!;
  const said = new Set<string>([badge.textContent ?? ""]);
  new MutationObserver(() => said.add(badge.textContent ?? "")).observe(badge, {
    subtree: true,
    childList: true,
    characterData: true,
  });
  return said;
}
