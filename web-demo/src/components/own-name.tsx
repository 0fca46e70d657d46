import { useState } from "react";
import type { Identity, IdentityStore } from "../identity";
import { Avatar } from "./avatar";

/** The own name as the others see it; editable in place and remembered. */
export function OwnName({ self, store }: { self: Identity; store: IdentityStore }) {
  const [draft, setDraft] = useState<string | null>(null);
  const finish = (): void => {
    if (draft !== null) store.rename(draft);
    setDraft(null);
  };
  return (
    <div className="own-name">
      <Avatar name={self.name} colour={self.colour} />
      <input
        className="field"
        aria-label="Your name"
        title="Your name, as the others see it"
        maxLength={40}
        autoComplete="nickname"
        spellCheck={false}
        value={draft ?? self.name}
        onChange={(event) => setDraft(event.target.value)}
        onBlur={finish}
        onKeyDown={(event) => {
          if (event.key === "Enter") event.currentTarget.blur();
          if (event.key === "Escape") {
            event.stopPropagation();
            setDraft(null);
          }
        }}
      />
    </div>
  );
}
