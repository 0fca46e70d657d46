import { checkedBytes, checkedText } from "./check.js";
import { DriftwoodError } from "./error.js";
import type { Session } from "./session.js";
import type { DocSnapshot, Journal, NamedVersion } from "./types.js";

/** The past of a document, as users see it. */
export class JournalFace implements Journal {
  constructor(private readonly session: Session) {}

  name(label: string): NamedVersion {
    this.session.demand((raw) => raw.journalName(checkedText(label, "a version's name")));
    return this.names().at(-1) as NamedVersion;
  }

  names(): readonly NamedVersion[] {
    const flat = this.session.ask((raw) => raw.journalNames());
    const names: NamedVersion[] = [];
    for (let i = 0; i + 2 < flat.length; i += 3) {
      const [label, version, time] = flat.slice(i) as [string, Uint8Array, number];
      names.push(Object.freeze({ label, version, time }));
    }
    return Object.freeze(names);
  }

  at(version: string | Uint8Array): DocSnapshot {
    const bytes = this.version(version);
    return this.session.ask((raw) => raw.journalAt(bytes)) as DocSnapshot;
  }

  /** The version of a name, or the one given. */
  version(version: string | Uint8Array): Uint8Array {
    if (typeof version !== "string") return checkedBytes(version);
    const named = this.names().find(({ label }) => label === version);
    if (named === undefined) throw new DriftwoodError("NOT_RECORDED", `no version is named "${version}"`);
    return named.version;
  }
}
