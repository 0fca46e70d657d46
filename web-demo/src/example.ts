/** A note that shows what a note can do. */
import type { Doc } from "driftwood-sync";
import { addTodo } from "./note";

const BODY = `# Three days on the coast

The ferry leaves **Friday at 7:40**; be at the pier by seven. Bring something
warm, even in June.

## What to see

- the tide pools north of the lighthouse, at low water
- the boat shed, where they still bend planks by steam
- ~~the museum~~ closed until spring

Write anything you like here. It is saved on this device as you type, and
everyone who opens this note sees it too.
`;

export function fillExample(doc: Doc): void {
  doc.transact(() => {
    doc.map("meta").set("title", "Three days on the coast");
    doc.text("body").insert(0, BODY);
    doc.set("tags").add("summer");
    doc.set("tags").add("travel");
    addTodo(doc, "Book the ferry");
    addTodo(doc, "Ask Ines for the tent");
    addTodo(doc, "Look up the tide tables");
  });
}
