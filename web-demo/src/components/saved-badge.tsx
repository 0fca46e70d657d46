import type { PageStatus, SavedLevel } from "../page-status";
import { savedWords } from "../words";
import { Icon } from "./icon";
import type { IconName } from "./icon";

const ICONS: Record<SavedLevel, IconName> = {
  nothing: "device",
  trouble: "warning",
  saving: "saving",
  local: "device",
  relay: "relay",
  replicated: "replicated",
};

/** Says where the last change is saved. It changes with every key, so it is not read aloud by itself. */
export function SavedBadge({ status }: { status: PageStatus }) {
  // Without a relay this device is as safe as it gets, and no reason for a warning colour.
  const calm = status.level === "local" && status.state === "local";
  return (
    <output className="badge" aria-label="Saved where" aria-live="off" data-level={calm ? "only" : status.level}>
      <Icon name={ICONS[status.level]} />
      {savedWords(status)}
    </output>
  );
}
