import type { PageStatus } from "../page-status";
import { connectionWords, waitingWords } from "../words";

/** Whether a relay can be reached, and how many changes wait for one. */
export function Connection({ status, switchedOff }: { status: PageStatus; switchedOff: boolean }) {
  return (
    <div className="connection" data-state={status.state}>
      <i />
      <span role="status" aria-label="Connection">
        {connectionWords(status.state, switchedOff)}
      </span>
      {status.unsaved > 0 && <span className="waiting">{waitingWords(status.unsaved)}</span>}
    </div>
  );
}
