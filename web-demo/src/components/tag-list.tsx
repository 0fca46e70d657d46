import { useState } from "react";
import type { Doc } from "driftwood-sync";
import { useSnapshot } from "../hooks";
import { readTags } from "../note";
import { Icon } from "./icon";

/** The tags: a set, in which adding wins over removing at the same time. */
export function TagList({ doc }: { doc: Doc }) {
  const set = doc.set("tags");
  const tags = readTags(useSnapshot(set));
  const [draft, setDraft] = useState("");

  const add = (): void => {
    const tag = draft.trim().replace(/^#/, "");
    if (tag !== "") set.add(tag);
    setDraft("");
  };
  return (
    <ul className="tags" aria-label="Tags">
      {tags.map((tag) => (
        <li key={tag} className="tag">
          {tag}
          <button type="button" aria-label={`Remove tag ${tag}`} onClick={() => set.delete(tag)}>
            <Icon name="close" />
          </button>
        </li>
      ))}
      <li>
        <input
          className="tag-new"
          aria-label="Add a tag"
          placeholder="Add a tag"
          maxLength={60}
          autoCapitalize="none"
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
          onBlur={add}
          onKeyDown={(event) => {
            const last = tags.at(-1);
            if (event.key === "Enter" || event.key === ",") add();
            else if (event.key === "Backspace" && draft === "" && last !== undefined) set.delete(last);
            else return;
            event.preventDefault();
          }}
        />
      </li>
    </ul>
  );
}
