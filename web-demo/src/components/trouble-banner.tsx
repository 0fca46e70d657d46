import type { Trouble } from "../words";
import { Icon } from "./icon";

/** Something is wrong: what it is, and what to do. What goes away by itself cannot be dismissed. */
export function TroubleBanner({ trouble, onDismiss }: { trouble: Trouble; onDismiss?: (() => void) | undefined }) {
  return (
    <div className="trouble" role="alert">
      <Icon name="warning" />
      <p>
        <strong>{trouble.title}</strong>
        {trouble.advice}
      </p>
      {onDismiss && (
        <button type="button" className="button bare square" aria-label="Dismiss" onClick={onDismiss}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}
