import type { ReactNode } from "react";
import type { Trouble } from "../words";
import { Icon } from "./icon";

interface Props {
  trouble: Trouble;
  /** What helps, if there is something to do here. */
  children?: ReactNode;
  onDismiss?: (() => void) | undefined;
}

/** Something is wrong: what it is, and what to do. What goes away by itself cannot be dismissed. */
export function TroubleBanner({ trouble, children, onDismiss }: Props) {
  return (
    <div className="trouble" role="alert">
      <Icon name="warning" />
      <div>
        <p>
          <strong>{trouble.title}</strong>
          {trouble.advice}
        </p>
        {children}
      </div>
      {onDismiss && (
        <button type="button" className="button bare square" aria-label="Dismiss" onClick={onDismiss}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}
